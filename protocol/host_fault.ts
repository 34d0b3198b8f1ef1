// What is wrong with a host that the system cannot connect to or listen at, as a sentence. Pure: the system's error is
// passed in. Knows neither client nor server.

import { messageOf } from "../errors.ts";

/** The end of a sentence, and what to do about it. */
export interface HostFault {
  readonly what: string;
  readonly hint: string;
}

/** An IPv6 address that is valid on one link only (RFC 4291, section 2.5.6), without the interface of that link. */
const WITHOUT_ZONE = /^fe[89ab][\da-f]:[^%]*$/i;

/**
 * Explains an error that the system reports for a host; undefined if it is not about the host.
 *
 * @param cause the error of `Deno.connect` or `Deno.listen`
 */
export function hostFault(hostname: string, cause: unknown): HostFault | undefined {
  if (WITHOUT_ZONE.test(hostname)) {
    // The systems report different errors, none of which names the reason.
    return {
      what: "an address that begins with fe80: needs a network interface",
      hint: `Write the interface after the address, such as ${hostname}%eth0`,
    };
  }
  const message = cause instanceof Error ? cause.message : "";
  // Deno has no code for these.
  if (/temporar/i.test(message) && /lookup|resol/i.test(message)) {
    return {
      what: "its name cannot be looked up at the moment",
      hint: "Check whether this machine is online, or use an address instead of the name",
    };
  }
  if (/lookup|resolve|not known|no such host|invalid host/i.test(message)) {
    return hostname.includes("%")
      ? {
        what: "this machine has no such network interface",
        hint: "Check the name after the %",
      }
      : { what: "no host has that name", hint: "Check its spelling" };
  }
  if (cause instanceof Error && "code" in cause && UNREACHABLE.includes(String(cause.code))) {
    return {
      what: messageOf(cause),
      hint: "Check the address, and whether this machine is online",
    };
  }
  return undefined;
}

const UNREACHABLE: readonly string[] = ["EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"];
