// TODO: say what this is.

import type { Profile } from "../protocol/envelope.ts";
import type { Parcels } from "../protocol/file_messages.ts";
import type { Numbering } from "../protocol/message_ids.ts";
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
    readonly number: Numbering | undefined;
    /** It is about files; the text is empty. */
    readonly parcels: Parcels | undefined;
    /** As it came. */
    readonly body: Uint8Array | undefined;
  }
  | RoomEvent & { type: "unreadable" };
