/** The way of a request: route, authenticate, dispatch; and of whatever goes wrong on it. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ApiError } from './api-error.ts';
import { batchResults, cancelBatch, createBatch, deleteBatch, getBatch, listBatches } from './batches/endpoint.ts';
import { ClientGone } from './http/body.ts';
import { Exchange } from './http/exchange.ts';
import { countMessageTokens, createMessage } from './messages.ts';
import { getModel, listModels } from './models/endpoint.ts';
import { type Action, route } from './routing.ts';
import type { SimulatorState } from './state.ts';
import { readBetas, readVersion } from './validation/headers.ts';
import { answerPlainly, type Visit } from './visit.ts';

type Handler = (visit: Visit) => Promise<void>;

const HANDLERS: Readonly<Record<Action, Handler>> = {
  create_message: createMessage,
  count_tokens: countMessageTokens,
  create_batch: createBatch,
  list_batches: listBatches,
  get_batch: getBatch,
  delete_batch: deleteBatch,
  cancel_batch: cancelBatch,
  batch_results: batchResults,
  list_models: (visit) =>
    answerPlainly(visit, () => listModels(visit.state.models, new URLSearchParams(visit.route.query))),
  get_model: (visit) => answerPlainly(visit, () => getModel(visit.state.models, visit.route.id)),
};

/** Longer than clients keep a connection, so that it is never the server that closes one just as it is used again. */
const KEEP_ALIVE = 120_000;

async function answer(exchange: Exchange, state: SimulatorState): Promise<void> {
  const { request, record } = exchange;
  const destination = route(record.method, record.url);
  record.endpoint = destination.endpoint;
  const principal = state.principals.authenticate(request.headers);
  record.key = principal.key;
  exchange.addHeaders({
    'anthropic-organization-id': principal.organization,
    'anthropic-workspace-id': principal.workspace,
  });
  const version = readVersion(request.headers);
  const betas = readBetas(request.headers, state.betas);
  await HANDLERS[destination.action]({ exchange, state, principal, version, betas, route: destination });
}

function handle(request: IncomingMessage, response: ServerResponse, state: SimulatorState): void {
  const record = {
    id: state.ids.next('req_011'),
    method: request.method ?? '',
    url: request.url ?? '',
    headers: request.headers,
    arrivedAt: state.options.clock.now(),
    key: '',
    model: '',
    stream: false,
    status: 0,
    events: 0,
    outcome: 'open' as const,
  };
  const { clock, compression } = state.options;
  const exchange = new Exchange(request, response, record, { clock, records: state.records, compression });
  state.records.arrive(record);
  answer(exchange, state).catch((error: unknown) => {
    if (error instanceof ClientGone) return;
    if (error instanceof ApiError && !exchange.begun) exchange.sendError(error);
    else exchange.fail(error);
  });
}

/** What is no HTTP request at all gets an answer too, and is told whom it reached. */
function refuseMalformed(_error: Error, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\nx-claude-relay-simulator: true\r\n\r\n');
}

/** The HTTP server of one simulator, not listening yet. */
export function createHttpServer(state: SimulatorState): Server {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE }, (request, response) => {
    // Once it closes, every answer that ends leaves a connection idle that nothing will use again.
    response.once('close', () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections());
    });
    handle(request, response, state);
  });
  server.on('clientError', refuseMalformed);
  server.on('connection', (socket) => {
    state.records.connect();
    socket.once('close', () => state.records.disconnect());
  });
  return server;
}
