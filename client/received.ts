// TODO: say what this is.

import type { Profile } from "../protocol/envelope.ts";
import type { FileMessages } from "../protocol/file_messages.ts";
import type { MessageId } from "../protocol/message_ids.ts";
import type { Person, RoomEvent } from "../room.ts";

/** A profile, and when it was made by its maker's clock. */
export type Met = Profile & { readonly sent: Date | undefined };

/** What came from a member, if it can be shown. */
export type Said =
  | {
    readonly type: "message";
    readonly message: {
      readonly from: Person;
      readonly text: string;
      readonly action: boolean;
      readonly sent: Date | undefined;
      readonly missing: number;
    };
    readonly number: MessageId | undefined;
    /** It is about files; the text is empty. */
    readonly parcels: FileMessages | undefined;
    /** As it came. */
    readonly body: Uint8Array | undefined;
  }
  | RoomEvent & { type: "unreadable" };
