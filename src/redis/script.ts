import { createHash } from 'node:crypto';

/** A Lua script that Redis runs atomically; its keys must lie in one slot, so that a cluster can run it too. */
export interface LuaScript {
  readonly source: string;
  /** By which EVALSHA names it, once Redis knows it. */
  readonly sha1: string;
}

/** Redis names scripts by SHA-1; nothing is secured by it. */
export function luaScript(source: string): LuaScript {
  return { source, sha1: createHash('sha1').update(source).digest('hex') };
}
