/** Senders that hold requests back: what they can hold of the relay is bounded, and their streams end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FLAG, FRAME, frame, grpcHeaders, grpcMessage, RawConnection } from './raw-http2.ts';
import { ask, bearer, call, type SecuredRelay, server, startSecured, tokenOf, verdict } from './secured-relay.ts';

const PATH = '/claude.relay.v1.RelayService/Complete';
const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
const TOKEN = bearer(tokenOf('search-team'));
const NO_ERROR = 0;
const MIB = 2 ** 20;
const PIECE = Buffer.alloc(16_384);

async function inFlight(relay: SecuredRelay): Promise<number> {
  return JSON.parse((await relay.admin('/healthz')).text).in_flight;
}

/** Lines of calls that were refused for this reason. */
function refusals(relay: SecuredRelay, reason: string): number {
  return relay.log().split(`"reason":"${reason}"`).length - 1;
}

async function until(satisfied: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await satisfied())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** What announces a message of so many bytes. */
function prefix(size: number): Buffer {
  return grpcMessage(Buffer.alloc(size)).subarray(0, 5);
}

interface Beginning {
  readonly path?: string;
  readonly proof?: Readonly<Record<string, string>>;
  /** Of the message that is announced. */
  readonly size?: number;
}

/** Begins a call and sends so many bytes of its message, as flow control allows. */
async function begin(
  connection: RawConnection,
  stream: number,
  bytes: number,
  { path = PATH, proof = TOKEN, size = 16 * MIB }: Beginning = {},
): Promise<void> {
  connection.write(
    connection.headers(stream, grpcHeaders(path, proof)),
    frame(FRAME.DATA, FLAG.NONE, stream, prefix(size)),
  );
  for (let sent = 0; sent < bytes && !connection.isClosed; sent += PIECE.length) {
    connection.write(frame(FRAME.DATA, FLAG.NONE, stream, PIECE));
    // The relay opens its windows again as it reads.
    if (sent % (2 * PIECE.length) === 0) await connection.roundTrip();
  }
}

const isEnd =
  (stream: number) =>
  (each: { type: number; stream: number }): boolean =>
    each.type === FRAME.RST_STREAM && each.stream === stream;

describe('a request that is held back', () => {
  it('is ended after its time, with its reason and its stream, and the connection goes on', async () => {
    await using relay = await startSecured({ settings: server({ request_timeout: '1s' }) });
    const connection = await RawConnection.open(relay.port);
    await begin(connection, 1, PIECE.length);
    // Headers alone, and a whole message without the end of its stream, are no request either.
    connection.write(connection.headers(3, grpcHeaders(PATH, TOKEN)));
    connection.write(
      connection.headers(5, grpcHeaders(PATH, TOKEN)),
      frame(FRAME.DATA, FLAG.NONE, 5, grpcMessage(ask())),
    );
    for (const stream of [1, 3, 5]) {
      const { payload } = await connection.find(isEnd(stream));
      assert.equal(payload.readUInt32BE(0), NO_ERROR);
      assert.ok(
        connection.frames.some((each) => each.type === FRAME.HEADERS && each.stream === stream),
        'with a status',
      );
    }
    await until(() => refusals(relay, 'DEADLINE_EXCEEDED') === 3);
    assert.equal(relay.upstreamCalls(), 0);
    connection.write(
      connection.headers(7, grpcHeaders(PATH, TOKEN)),
      frame(FRAME.DATA, FLAG.END_STREAM, 7, grpcMessage(ask())),
    );
    await connection.find(({ type, stream, flags }) => type === FRAME.HEADERS && stream === 7 && (flags & 1) === 1);
    assert.equal(relay.upstreamCalls(), 1);
    assert.equal(await inFlight(relay), 0);
    connection.destroy();
  });

  it('is not kept by one who goes on sending after the answer', async () => {
    await using relay = await startSecured({ settings: server({ max_request_bytes: '64KiB' }) });
    const connection = await RawConnection.open(relay.port);
    await begin(connection, 1, 4 * PIECE.length);
    await connection.find(isEnd(1));
    assert.equal(refusals(relay, 'REQUEST_TOO_LARGE'), 1);
    connection.destroy();
  });

  it('gives way, the oldest first, when all of them together hold more than they may', async () => {
    const sizes = { max_request_bytes: '1MiB', max_arriving_bytes: '2MiB' };
    await using relay = await startSecured({ settings: server({ ...sizes, request_timeout: '60s' }) });
    const connections: RawConnection[] = [];
    // Messages of 1 MiB, of which nearly all is sent: two such fit, and every further one costs the oldest.
    for (let count = 1; count <= 5; count += 1) {
      const connection = await RawConnection.open(relay.port);
      connections.push(connection);
      await begin(connection, 1, 60 * PIECE.length, { size: MIB });
    }
    await until(() => refusals(relay, 'DEADLINE_EXCEEDED') === 3);
    for (const [index, connection] of connections.entries()) {
      await connection.roundTrip();
      assert.equal(connection.frames.some(isEnd(1)), index < 3);
    }
    // A client that sends all it has at once is served meanwhile.
    assert.equal(verdict(await call(relay.connect(), TOKEN)), 'OK');
    for (const connection of connections) connection.destroy();
    await until(async () => (await inFlight(relay)) === 0);
  });

  it('counts also where nobody is asked who he is: health and reflection', async () => {
    const sizes = { max_request_bytes: '1MiB', max_arriving_bytes: '2MiB' };
    await using relay = await startSecured({ settings: server(sizes) });
    const connections: RawConnection[] = [];
    for (let count = 0; count < 3; count += 1) {
      const connection = await RawConnection.open(relay.port);
      connections.push(connection);
      await begin(connection, 1, 60 * PIECE.length, { size: MIB, path: REFLECTION, proof: {} });
    }
    const [first] = connections;
    assert.ok(first);
    await first.find(({ type, stream }) => type === FRAME.HEADERS && stream === 1);
    await first.find(isEnd(1));
    for (const connection of connections) connection.destroy();
  });

  it('is not even read where no request could make the call good', async () => {
    await using relay = await startSecured({ settings: server({ request_timeout: '60s' }) });
    const strangers = [{}, bearer('nobody'), { 'x-relay-tenant': 'search-team' }];
    for (const proof of strangers) {
      const connection = await RawConnection.open(relay.port);
      connection.write(connection.headers(1, grpcHeaders(PATH, proof)));
      const { payload } = await connection.find(isEnd(1));
      assert.equal(payload.readUInt32BE(0), NO_ERROR);
      connection.destroy();
    }
    assert.equal(refusals(relay, 'UNAUTHENTICATED'), strangers.length);
  });
});
