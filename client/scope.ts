// How far an address reaches: this machine, a private network, or the internet. Pure: it looks up no name.

/** The greater, the farther. */
export const Scope = { MACHINE: 0, PRIVATE: 1, PUBLIC: 2 } as const;
export type Scope = typeof Scope[keyof typeof Scope];

/**
 * The scope of an IP address.
 *
 * @example
 * ```ts
 * scopeOf("192.168.0.7"); // Scope.PRIVATE
 * ```
 */
export function scopeOf(ip: string): Scope {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip) ?? [];
  const [a = 0, b = 0] = (mapped ?? ip).split(".").map(Number);
  if (mapped !== undefined || !ip.includes(":")) {
    if (a === 127 || a === 0) return Scope.MACHINE;
    const isPrivate = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) ||
      (a === 169 && b === 254) || (a === 100 && b >= 64 && b < 128);
    return isPrivate ? Scope.PRIVATE : Scope.PUBLIC;
  }
  if (/^[0:]+1?$/.test(ip)) return Scope.MACHINE;
  // Only 2000::/3 is global unicast (RFC 4291, section 2.4).
  return /^[23][\da-f]{3}:/i.test(ip) ? Scope.PUBLIC : Scope.PRIVATE;
}

/** What is known of a host's scope without a look-up: a name may be anywhere, so it counts as public. */
export function scopeOfHost(hostname: string): Scope {
  if (hostname === "localhost") return Scope.MACHINE;
  return hostname.includes(":") || /^[\d.]+$/.test(hostname) ? scopeOf(hostname) : Scope.PUBLIC;
}
