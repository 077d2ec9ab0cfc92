import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** Where a listener binds. Port 0 lets the system choose one. */
export interface Address {
  /** A host name or an IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;
const NUMERIC = /^[\d.]+$/;

/** Reads `127.0.0.1:50051`, `localhost:0` or `[::1]:50051`; undefined where the text is none of these. */
export function parseAddress(text: string): Address | undefined {
  const parts = /^(?:\[([^\]]+)\]|([^[\]:]+)):(\d{1,5})$/.exec(text);
  const port = Number(parts?.[3]);
  const [, bracketed, plain] = parts ?? [];
  if (parts === null || port > 65_535) return undefined;
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : undefined;
  if (plain === undefined || !(NUMERIC.test(plain) ? isIPv4(plain) : HOST_NAME.test(plain))) return undefined;
  return { host: plain, port };
}

/** The text that `parseAddress` reads back. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');
const ANY = new Set(['0.0.0.0', '::']);

/** Whether only this machine can reach the address: `localhost` (RFC 6761), 127.0.0.0/8, ::1. */
export function isLoopback({ host }: Address): boolean {
  if (isIPv4(host)) return LOOPBACK.check(host, 'ipv4');
  if (isIPv6(host)) return LOOPBACK.check(host, 'ipv6');
  return host.toLowerCase() === 'localhost';
}

/** Whether two listeners cannot both bind: same port, and the same host or one that stands for all. */
export function collide(one: Address, other: Address): boolean {
  if (one.port === 0 || one.port !== other.port) return false;
  return one.host === other.host || ANY.has(one.host) || ANY.has(other.host);
}
