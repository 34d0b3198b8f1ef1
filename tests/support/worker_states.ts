// Test helper: the states that a worker reports. No part of the program.

/** A promise for the report of each state. If the worker fails, all of them reject. */
export function statesOf<Report extends { readonly state: string }>(
  worker: Worker,
  names: readonly Report["state"][],
): Readonly<Record<Report["state"], Promise<Report>>> {
  const states = new Map(names.map((name) => [name, Promise.withResolvers<Report>()]));
  // Nobody may wait for one of them when the worker fails.
  for (const { promise } of states.values()) promise.catch(() => {});
  worker.onmessage = ({ data }: MessageEvent<Report>) => states.get(data.state)?.resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    for (const { reject } of states.values()) reject(new Error(event.message));
  };
  return Object.fromEntries(
    Array.from(states, ([name, { promise }]) => [name, promise]),
  ) as Record<Report["state"], Promise<Report>>;
}
