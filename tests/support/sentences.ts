// Test helper: sentences in three languages, from which tests and benchmarks of `classic/crack.ts` make conversations.
// `classic/language_model.ts` is not based on them. No part of the program.

export type Language = "English" | "German" | "French";

export const SENTENCES: Readonly<Record<Language, readonly string[]>> = {
  English: [
    "Is anybody still awake?",
    "I have just pushed the fix, please have a look.",
    "The tests are green on my machine, which proves nothing.",
    "Can we move the call to half past three?",
    "Sure!",
    "No idea, ask Grace.",
    "The kitchen is out of coffee again, and nobody has told the office.",
    "I will be ten minutes late, the tram stands still.",
    "Who broke the build?",
    "It was me, sorry. Give me a quarter of an hour.",
    "Good morning everybody",
    "That log file has 48 lines and not one of them says why it stopped.",
    "ok, thanks",
    "Let's talk about it over lunch; it is easier to draw on paper.",
    "She said she'd bring the cake, and the candles too.",
    "Don't forget the umbrella, it is pouring down here.",
    "We could try the older cable (the grey one) first.",
    "Have you read the letter from the landlord?",
    "My train leaves at 17:42, so I must be off in a minute.",
    "I like the second picture much better than the first.",
    "HELLO? CAN YOU HEAR ME?",
    "The cat has found the warm place behind the router.",
    "What a lovely view from up there!",
    "Remind me to water the plants before we go.",
    "wait, that can't be right",
    "Nobody wants to hear that, but the invoice was paid twice.",
    "Then we start all over: unplug it, count to ten, plug it in.",
    "Happy birthday! 🎉",
    "Could you send me the address of that bakery?",
    "I would rather walk than wait for the next bus.",
    "It works now – don't ask me how.",
    "See you on Thursday, and bring your bike.",
  ],
  German: [
    "Ist noch jemand wach?",
    "Ich habe die Änderung eben hochgeladen, schaut bitte mal drüber.",
    "Bei mir läuft alles durch, aber das heißt ja nichts.",
    "Können wir das Gespräch auf halb vier verschieben?",
    "Klar!",
    "Keine Ahnung, frag doch Grete.",
    "In der Küche ist schon wieder kein Kaffee mehr.",
    "Ich komme zehn Minuten später, die Straßenbahn steht.",
    "Wer hat den Schlüssel zum Keller?",
    "Das war ich, tut mir leid. In einer Viertelstunde geht es wieder.",
    "Guten Morgen zusammen",
    "Im Protokoll stehen 48 Zeilen und in keiner, warum es aufgehört hat.",
    "ja, danke",
    "Lass uns das beim Mittagessen bereden, auf Papier zeichnet es sich leichter.",
    "Sie bringt den Kuchen mit, und die Kerzen auch.",
    "Vergiss den Regenschirm nicht, hier gießt es in Strömen.",
    "Wir könnten zuerst das ältere Kabel nehmen (das graue).",
    "Hast du den Brief vom Vermieter schon gelesen?",
    "Mein Zug fährt um 17:42, ich muss gleich los.",
    "Das zweite Bild gefällt mir viel besser als das erste.",
    "HALLO? HÖRT IHR MICH?",
    "Die Katze hat den warmen Platz hinter dem Ofen gefunden.",
    "Was für eine Aussicht von da oben!",
    "Erinnere mich daran, vorher noch die Blumen zu gießen.",
    "moment, das kann nicht stimmen",
    "Das hört keiner gern, aber die Rechnung wurde zweimal bezahlt.",
    "Dann eben von vorn: Stecker raus, bis zehn zählen, Stecker rein.",
    "Alles Gute zum Geburtstag! 🎂",
    "Schickst du mir die Adresse von der Bäckerei?",
    "Ich gehe lieber zu Fuß, als auf den nächsten Bus zu warten.",
    "Jetzt geht es – fragt mich nicht, wieso.",
    "Bis Donnerstag, und bring dein Fahrrad mit.",
  ],
  French: [
    "Il y a encore quelqu'un de réveillé ?",
    "Je viens d'envoyer la correction, jetez-y un œil s'il vous plaît.",
    "Chez moi tout passe, ce qui ne prouve rien du tout.",
    "On peut décaler l'appel à trois heures et demie ?",
    "Bien sûr !",
    "Aucune idée, demande à Grâce.",
    "Il n'y a plus de café dans la cuisine, comme tous les lundis.",
    "J'aurai dix minutes de retard, le tram est arrêté.",
    "Qui a pris la clé de la cave ?",
    "C'était moi, désolée. Laissez-moi un quart d'heure.",
    "Bonjour tout le monde",
    "Le journal fait 48 lignes et aucune ne dit pourquoi ça s'est arrêté.",
    "d'accord, merci",
    "Parlons-en à midi, c'est plus facile avec un crayon.",
    "Elle apporte le gâteau, et les bougies aussi.",
    "N'oublie pas ton parapluie, il pleut des cordes ici.",
    "Essayons d'abord l'ancien câble (le gris).",
    "Tu as lu la lettre du propriétaire ?",
    "Mon train part à 17 h 42, je dois filer.",
    "Je préfère de loin la deuxième image à la première.",
    "ALLÔ ? VOUS M'ENTENDEZ ?",
    "Le chat a trouvé la place chaude derrière le poêle.",
    "Quelle vue de là-haut !",
    "Rappelle-moi d'arroser les plantes avant de partir.",
    "attends, ça ne peut pas être juste",
    "Personne ne veut l'entendre, mais la facture a été payée deux fois.",
    "Alors on reprend : débrancher, compter jusqu'à dix, rebrancher.",
    "Joyeux anniversaire ! 🎈",
    "Tu m'envoies l'adresse de la boulangerie ?",
    "J'aime mieux marcher que d'attendre le prochain bus.",
    "Ça marche – ne me demandez pas comment.",
    "À jeudi, et prends ton vélo.",
  ],
};

export const LANGUAGES = Object.keys(SENTENCES) as Language[];

const utf8 = new TextEncoder();

/**
 * The bytes of a conversation on the classic wire, one message directly after another: at least `min` bytes, and at
 * most three more, because no character is cut.
 *
 * @param random returns a whole number below its argument
 */
export function conversation(
  language: Language,
  min: number,
  random: (limit: number) => number,
): Uint8Array<ArrayBuffer> {
  const sentences = SENTENCES[language];
  let text = "";
  let bytes = utf8.encode(text);
  while (bytes.length < min) {
    text += sentences[random(sentences.length)]!;
    bytes = utf8.encode(text);
  }
  let end = min;
  while (end < bytes.length && bytes[end]! >> 6 === 0b10) end++;
  return bytes.slice(0, end);
}
