/** A real trace, faster than it was, over accounts that cannot quite keep up. */
import { defaultSimulatorOptions } from '../../src/simulator/options.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { judge } from '../report.ts';
import { offer, type Outcome, quantile } from './load.ts';
import { startRelaySubject } from './subjects.ts';
import { type Arrival, loadTrace } from './trace.ts';

const ACCOUNTS = ['a', 'b', 'c', 'd'];
const MINUTES = 5;
/** A minute of the trace takes four seconds. */
const SPEED = 15;
/** The limits of all accounts together, as a share of what the trace asks for on average. */
const SUPPLY = 0.6;
/** What the relay lets through at once, as time of an even flow. */
const BURST_MS = 10_000;
const MINUTE_MS = 60_000;

/** What was sent to one account: when, and how much of each limit it took. */
interface Sent {
  readonly at: number;
  readonly units: Readonly<Record<Kind, number>>;
}

const KINDS = ['requests', 'input_tokens', 'output_tokens'] as const;
type Kind = (typeof KINDS)[number];
/** A little more than one: what was sent evenly arrives less so, and how long an answer will be can only be estimated. */
const MOST_BURSTS: Limits = { requests: 1.02, input_tokens: 1.02, output_tokens: 1.1 };
type Limits = Readonly<Record<Kind, number>>;

export async function judgeReplay(folder: string): Promise<boolean> {
  const trace = loadTrace(folder, MINUTES);
  const limits = limitsFor(trace);
  const longest = Math.max(...trace.map(({ outputTokens }) => outputTokens));
  const simulator = await startSimulator({
    ...defaultSimulatorOptions,
    // Each answer is as long as its max_tokens says, and few events long: it is not what is measured.
    outputTokens: { from: longest, to: longest },
    tokensPerEvent: 100,
    recordCapacity: trace.length * 2,
  });
  const relay = await startRelaySubject({
    queue: { max_length: 10_000 },
    upstream: { stream_unary_above: 1_000_000 },
    accounts: ACCOUNTS.map((name) => ({
      name,
      api_key: name,
      regions: [{ name: 'local', base_url: simulator.url }],
      limits: Object.fromEntries(KINDS.map((kind) => [`${kind}_per_minute`, limits[kind]])),
    })),
  });
  const startedAt = performance.timeOrigin + performance.now();
  const outcomes = await offer(
    relay,
    trace.map(({ at, inputTokens, outputTokens }, index) => ({
      id: `t${index}`,
      text: `${index} `.padEnd(inputTokens * 4, 'all work and no play '),
      maxTokens: Math.max(1, outputTokens),
      stream: index % 2 === 0,
      at: at / SPEED,
    })),
  );
  const sent = sentByAccount(simulator, outcomes, startedAt);
  const refused = simulator.counters().rateLimited;
  await relay.close();
  await simulator.close();
  return report(trace, outcomes, sent, limits, refused);
}

/** Limits of one account a minute. */
function limitsFor(trace: readonly Arrival[]): Limits {
  const perMinute = (total: number): number => Math.ceil((SUPPLY * total * SPEED) / MINUTES / ACCOUNTS.length);
  return {
    requests: perMinute(trace.length),
    input_tokens: perMinute(trace.reduce((sum, { inputTokens }) => sum + inputTokens, 0)),
    output_tokens: perMinute(trace.reduce((sum, { outputTokens }) => sum + outputTokens, 0)),
  };
}

function sentByAccount(simulator: Simulator, outcomes: readonly Outcome[], startedAt: number): readonly Sent[][] {
  const byId = new Map(outcomes.map((outcome) => [outcome.id, outcome]));
  const records = simulator.requests().filter(({ endpoint }) => endpoint === 'messages');
  return [...Map.groupBy(records, ({ key }) => key).values()].map((own) =>
    own.map(({ arrivedAt, headers }) => {
      const { inputTokens = 0, outputTokens = 0 } = byId.get(String(headers['x-request-id'])) ?? {};
      const units = { requests: 1, input_tokens: inputTokens, output_tokens: outputTokens };
      return { at: arrivedAt - startedAt, units };
    }),
  );
}

function report(
  trace: readonly Arrival[],
  outcomes: readonly Outcome[],
  sent: readonly Sent[][],
  limits: Limits,
  refused: number,
): boolean {
  // When the last was asked for; due it was perhaps earlier, where the machine cannot keep up.
  const lastDue = Math.max(...outcomes.map(({ askedAt }) => askedAt));
  const lastSent = Math.max(...sent.map((own) => own.at(-1)?.at ?? 0));
  // When the first account has nothing left to send, the others are no longer saturated either.
  const saturatedUntil = Math.min(...sent.map((own) => own.at(-1)?.at ?? 0));
  const waits = outcomes.map(({ queued }) => queued);
  console.log(
    `\nreplay: ${trace.length} requests of ${MINUTES} minutes in ${(lastDue / 1_000).toFixed(0)} s over ${ACCOUNTS.length} accounts, whose limits are ${SUPPLY * 100}% of the mean demand`,
  );
  console.log(
    `       waited for capacity: p50 ${quantile(waits, 0.5).toFixed(0)} ms, p99 ${quantile(waits, 0.99).toFixed(0)} ms, longest ${Math.max(...waits).toFixed(0)} ms; 429s of the upstream: ${refused}`,
  );
  const use = Math.max(...KINDS.map((kind) => used(sent, kind, limits[kind], saturatedUntil)));
  return [
    judge('calls that failed', outcomes.filter(({ ok }) => !ok).length, 'at most', 0),
    ...KINDS.map((kind) => {
      const excess = Math.max(...sent.map((own) => greatestBurst(own, kind, limits[kind])));
      return judge(
        `${kind}: most in any span of time beyond the limit, in bursts`,
        excess,
        'at most',
        MOST_BURSTS[kind],
      );
    }),
    judge('summed limits used when saturated', use * 100, 'at least', 95, '%'),
    // In a fair queue nobody waits much longer than the last one.
    judge('longest wait / wait of the last call', Math.max(...waits) / (lastSent - lastDue), 'at most', 1.5),
  ].every(Boolean);
}

/** Over all spans from one request to another: what came, less what the limit brings in that time, in bursts. */
function greatestBurst(own: readonly Sent[], kind: Kind, limit: number): number {
  const perMs = limit / MINUTE_MS;
  let ahead = 0;
  let greatest = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (const { at, units } of own) {
    ahead = Math.max(0, ahead - (at - last) * perMs) + units[kind];
    last = at;
    greatest = Math.max(greatest, ahead);
  }
  return greatest / (perMs * BURST_MS);
}

/** Share of what the limits allowed until then. */
function used(sent: readonly Sent[][], kind: Kind, limit: number, until: number): number {
  const then = sent.flat().filter(({ at }) => at <= until);
  const total = then.reduce((sum, { units }) => sum + units[kind], 0);
  return total / ((ACCOUNTS.length * limit * (until + BURST_MS)) / MINUTE_MS);
}
