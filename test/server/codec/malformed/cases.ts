import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Operation } from '../../../../src/completion/call.ts';
import { HI, raw, refusal, REQUESTS, serialize, SMALL } from '../support.ts';

/** A request that must be refused, as fields or as bytes. */
export interface Case {
  readonly name: string;
  readonly request: object | Buffer;
  /** The protobuf path of the violation; empty where the request itself is wrong. */
  readonly field: string;
  readonly says: RegExp;
  readonly operation?: Operation;
}

/** One test for each case: it is refused with the path of the field and with what to do. */
export function refuses(cases: readonly Case[]): void {
  for (const { name, request, field, says, operation = 'messages' } of cases) {
    it(name, () => {
      const bytes = Buffer.isBuffer(request) ? request : serialize(REQUESTS[operation], request);
      const { violations, message } = refusal(bytes, operation);
      const [first] = violations;
      assert.equal(first?.field, field);
      assert.match(first.description, says);
      assert.ok(message.includes(first.description) && message.length < 1000, message);
    });
  }
}

/** The bytes of a good request, and more. */
export function plus(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([serialize('CompleteRequest', SMALL), ...parts]);
}

/** A good request and a turn more, of blocks in bytes. */
export function turn(...content: readonly Buffer[]): Buffer {
  return plus(raw.bytes(3, raw.bytes(1, 'user'), ...content.map((block) => raw.bytes(2, block))));
}

/** A good request and a turn more, whose second block is the given one. */
export function withBlock(block: object): object {
  return { ...SMALL, messages: [HI, { role: 'user', content: [HI.content[0], block] }] };
}

export function withTool(tool: object): object {
  return { ...SMALL, tools: [tool] };
}

export function withExtra(text: string): object {
  return { ...SMALL, extra: { text } };
}

export function toolUse(input: object): object {
  return { tool_use: { id: 't', name: 'n', input } };
}

/** Paths of the block of `turn`, and of the block of `withBlock`. */
export const IN_TURN = 'messages[1].content[0]';
export const IN_BLOCK = 'messages[1].content[1]';
