// The metrics that are what the server has now, or counts elsewhere. Pure but for the memory of this process.

import type { Hub } from "./hub.ts";
import type { Journal } from "./journal.ts";

/** The state of a server. */
export interface ServerState {
  readonly hub: Hub;
  readonly journal: Journal | undefined;
  /** Members without a connection. */
  readonly away: number;
  /** Open connections, and those that are not admitted. */
  readonly connections: number;
  readonly unadmitted: number;
  /** Bytes of file data that may be sent. */
  readonly granted: number;
  /** What members have sent. */
  readonly received: { readonly frames: number; readonly bytes: number };
}

/** Its metrics, by their names. */
export function gaugesOf({ hub, journal, received, ...state }: ServerState) {
  const { log, chain, said, ownSpace } = hub.fold;
  const { size = 0, isFailed = false, written = 0, syncs = 0 } = journal?.status ?? {};
  return {
    chat_members: hub.size,
    chat_members_away: state.away,
    chat_connections: state.connections,
    chat_unadmitted_connections: state.unadmitted,
    chat_room_log_bytes_held: log.held + (chain?.held ?? 0),
    chat_own_logs_bytes_held: ownSpace.taken,
    chat_data_bytes_granted: state.granted,
    chat_state_bytes: size,
    chat_state_failed: Number(isFailed),
    chat_process_resident_bytes: Deno.memoryUsage().rss,
    chat_frames_received_total: received.frames,
    chat_bytes_received_total: received.bytes,
    chat_messages_total: said,
    chat_bytes_appended_total: log.end,
    chat_state_bytes_written_total: written,
    chat_state_syncs_total: syncs,
  };
}
