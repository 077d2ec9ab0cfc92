import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { Stream } from '@anthropic-ai/sdk/core/streaming';
import { array, assert as check, constantFrom, nat, property, string, tuple } from 'fast-check';
import type { StreamEvent } from '../../src/completion/reply.ts';
import { ErrorEvent, EventReader, MalformedStream } from '../../src/providers/event-reader.ts';
import { cutsOf, pieces, transcript, transcripts } from './fixtures.ts';

interface Reading {
  readonly events: readonly StreamEvent[];
  readonly end: 'complete' | 'cut' | 'error';
}

function read(chunks: Iterable<Uint8Array>): Reading {
  const events: StreamEvent[] = [];
  const reader = new EventReader((event) => events.push(event));
  try {
    for (const chunk of chunks) reader.feed(chunk);
    reader.end();
  } catch (error) {
    assert(error instanceof ErrorEvent, String(error));
    return { events, end: 'error' };
  }
  return { events, end: reader.complete ? 'complete' : 'cut' };
}

function readText(text: string): Reading {
  return read([Buffer.from(text)]);
}

function* singleBytes(bytes: Buffer): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1);
}

/** What the official SDK's raw iterator makes of the same bytes; it hides pings. */
async function readBySdk(bytes: Buffer): Promise<{ payloads: unknown[]; failed: boolean }> {
  const stream = Stream.fromSSEResponse<unknown>(new Response(new Uint8Array(bytes)), new AbortController());
  const payloads: unknown[] = [];
  try {
    for await (const payload of stream) payloads.push(payload);
  } catch {
    return { payloads, failed: true };
  }
  return { payloads, failed: false };
}

async function dataBySdk(bytes: Buffer): Promise<string[]> {
  const data: string[] = [];
  for await (const event of Stream.rawEvents(new Response(new Uint8Array(bytes)))) {
    if (event.event !== null && event.event !== 'error' && event.data !== '') data.push(event.data);
  }
  return data;
}

describe('EventReader', () => {
  for (const { name, bytes } of transcripts()) {
    it(`reads ${name} as the official SDK does, however it is cut`, async () => {
      const whole = read([bytes]);
      const sdk = await readBySdk(bytes);
      assert.deepEqual(
        whole.events.filter((event) => event.type !== 'ping').map((event) => JSON.parse(event.data)),
        sdk.payloads,
      );
      assert.equal(whole.end === 'error', sdk.failed);
      assert.deepEqual(
        whole.events.map((event) => event.data),
        await dataBySdk(bytes),
      );
      assert.deepEqual(read(singleBytes(bytes)), whole);
      if (bytes.length > 2_500) return;
      for (let cut = 1; cut < bytes.length; cut++) assert.deepEqual(read(pieces(bytes, [cut])), whole, `cut at ${cut}`);
    });
  }

  for (const name of ['40-crlf.sse', '60-long-unicode.sse']) {
    it(`reads ${name} cut at the offsets of its sidecar`, () => {
      const bytes = transcript(name);
      assert.deepEqual(read(pieces(bytes, cutsOf(name))), read([bytes]));
    });
  }

  it('keeps every code point of a long stream in nine scripts', () => {
    const text = read([transcript('60-long-unicode.sse')])
      .events.map((event) => JSON.parse(event.data).delta?.text ?? '')
      .join('');
    assert.equal(
      createHash('sha256').update(text).digest('hex'),
      '0fea8713cae3abb83f6bab651f770cd2b9a831ade0d113be12b679f7971f9cb1',
    );
  });

  it('reads events cut anywhere and ended by any line ends', () => {
    const text = string({ unit: 'binary', maxLength: 20 });
    const lineEnd = constantFrom('\n', '\r', '\r\n');
    check(
      property(array(tuple(text, lineEnd)), array(nat(400), { maxLength: 8 }), (written, cuts) => {
        const sent = written.map(([value]) => JSON.stringify({ type: 'ping', value }));
        const bytes = Buffer.from(
          sent.map((data, index) => ['event: ping', `data: ${data}`, '', ''].join(written[index]?.[1])).join(''),
        );
        const inside = cuts.filter((cut) => cut < bytes.length).toSorted((one, other) => one - other);
        assert.deepEqual(
          read(pieces(bytes, inside)).events.map((event) => event.data),
          sent,
        );
      }),
    );
  });

  it('takes the type from the payload, and from the event name where the payload has none', () => {
    const { events } = readText(
      'event: a\ndata: {"type":"b"}\n\nevent: c\ndata: {"x":1}\n\nevent: d\ndata: {"type":7}\n\n',
    );
    assert.deepEqual(
      events.map((event) => event.type),
      ['b', 'c', 'd'],
    );
  });

  it('ignores events without a name and events without data', () => {
    assert.deepEqual(readText('data: {"type":"a"}\n\nevent: b\n\nevent: c\ndata:\n\n').events, []);
  });

  it('drops a last event that no empty line ends, and reports the cut', () => {
    assert.deepEqual(readText('event: message_stop\ndata: {"type":"message_stop"}\n'), { events: [], end: 'cut' });
  });

  it('delivers a last event whose empty line is a lone CR', () => {
    assert.equal(readText('event: message_stop\rdata: {"type":"message_stop"}\r\r').end, 'complete');
  });

  it('strips byte-order marks at line starts alone', () => {
    const { events } = readText('\uFEFFevent: a\n\uFEFFdata: {"x":"\uFEFF"}\n\n');
    assert.deepEqual(events, [{ type: 'a', data: '{"x":"\uFEFF"}' }]);
  });

  it('reads nothing after message_stop', () => {
    const stop = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
    assert.equal(readText(`${stop}event: ping\ndata: {"type":"ping"}\n\n`).events.length, 1);
  });

  for (const [what, text] of [
    ['is no JSON', 'event: message_stop\ndata: {"type":"message_stop"\n\n'],
    ['is an array', 'event: message_stop\ndata: [1]\n\n'],
    ['is null', 'event: message_stop\ndata: null\n\n'],
  ] as const) {
    it(`refuses an event of the API whose payload ${what}, without quoting it`, () => {
      assert.throws(
        () => readText(text),
        (error) => {
          const quoted = String(error).includes('type') || (error instanceof Error && error.cause !== undefined);
          return !quoted;
        },
      );
    });
  }

  it('refuses bytes that are no UTF-8, also when they are cut off at the end', () => {
    const reader = new EventReader(() => {});
    assert.throws(() => reader.feed(Buffer.from([0x64, 0xff])), MalformedStream);
    const other = new EventReader(() => {});
    other.feed(Buffer.from([0xf0, 0x9f]));
    assert.throws(() => other.end(), MalformedStream);
  });

  it('refuses a second message_start', () => {
    const start = 'event: message_start\ndata: {"type":"message_start"}\n\n';
    const reader = new EventReader(() => {});
    reader.feed(Buffer.from(start));
    assert.throws(() => reader.feed(Buffer.from(start)), MalformedStream);
  });

  it('hands over the data of an error event, by its name or its own type', () => {
    for (const text of [
      'event: error\ndata: {"error":{"type":"api_error"}}\n\n',
      'event: x\ndata: {"type":"error","error":{"type":"api_error"}}\n\n',
    ]) {
      const reader = new EventReader(() => {});
      assert.throws(
        () => reader.feed(Buffer.from(text)),
        (error) => error instanceof ErrorEvent && error.data.includes('api_error'),
      );
    }
  });

  it('merges the counters of message_start and message_delta, and leaves out what nobody told', () => {
    const usageOf = (name: string) => {
      const reader = new EventReader(() => {});
      try {
        reader.feed(transcript(name));
      } catch (error) {
        assert(error instanceof ErrorEvent);
      }
      return reader.usage;
    };
    assert.equal(usageOf('24-two-message-deltas.sse').output_tokens, 4);
    const older = usageOf('23-message-delta-usage-minimal.sse');
    assert.deepEqual(Object.keys(older).toSorted(), ['input_tokens', 'output_tokens']);
    assert.deepEqual(usageOf('14-error-before-message-start.sse'), {});
  });
});
