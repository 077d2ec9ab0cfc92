/** One tenant asks for fifty times its share; what do the others feel of it? Over gRPC, in one process, on a simulated upstream. */
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { credentials, Metadata } from '@grpc/grpc-js';
import { RelayClient } from '../src/cli/relay-client.ts';
import { loadConfig } from '../src/config/load.ts';
import { type Relay, startRelay } from '../src/main.ts';
import { parseLatency } from '../src/simulator/latency.ts';
import { defaultSimulatorOptions } from '../src/simulator/options.ts';
import { startSimulator } from '../src/simulator/simulator.ts';
import { createLog } from '../src/telemetry/log.ts';
import type { Benchmark } from './main.ts';
import { judge } from './report.ts';

const CONCURRENCY = 20;
/**
 * Give or take half of it: answers that all take as long come in step, and whoever comes between waits for the next.
 * Long, as real answers are, and so that fifty times a share is no more than this one process makes with ease.
 */
const SERVICE_MS = 2_000;
const CAPACITY = (CONCURRENCY * 1000) / SERVICE_MS;
const QUIET = ['north', 'east', 'south', 'west'];
const FLOOD = 'flood';
/** Calls a second of one tenant when all want as much as they can get. */
const SHARE = CAPACITY / (QUIET.length + 1);
const TIMES = 50;
/** Quiet tenants use half of what is theirs. */
const QUIET_RATE = SHARE / 2;
const ROUNDS = 4;
const DEADLINE_MS = 30_000;

interface Figures {
  readonly latencies: number[];
  failed: number;
}

export const benchmark: Benchmark = {
  summary: 'p99 of quiet tenants while another asks for 50 times its share, to their p99 without it; [seconds of each]',
  run: async ([seconds = '120']) => {
    const simulator = await startSimulator({
      ...defaultSimulatorOptions,
      latency: parseLatency(`${SERVICE_MS}ms~${SERVICE_MS / 2}ms`),
      outputTokens: { from: 1, to: 1 },
      closeGrace: 0,
    });
    const relay = await start(simulator.url);
    const client = new RelayClient(relay.address, credentials.createInsecure());
    const call = caller(client);
    await traffic(
      call,
      1_000,
      [...QUIET, FLOOD].map((tenant) => [tenant, QUIET_RATE]),
    );
    const quiet: Figures = { latencies: [], failed: 0 };
    const flooded: Figures = { latencies: [], failed: 0 };
    const rates = QUIET.map((tenant): [string, number] => [tenant, QUIET_RATE]);
    // In turns, so that whatever else the machine does falls on both.
    for (let round = 0; round < ROUNDS; round += 1) {
      const milliseconds = (Number(seconds) * 1000) / ROUNDS;
      add(quiet, await traffic(call, milliseconds, rates));
      const during = await traffic(call, milliseconds, [...rates, [FLOOD, TIMES * SHARE]]);
      add(flooded, during);
      const flood = during.get(FLOOD);
      console.log(
        `round ${round + 1}: the flood had ${flood?.latencies.length ?? 0} answers, ${flood?.failed ?? 0} refusals`,
      );
    }
    client.close();
    await relay.drain();
    await simulator.close();
    console.log(
      `p50 ${shown(quiet, 0.5)} → ${shown(flooded, 0.5)}, p99 ${shown(quiet, 0.99)} → ${shown(flooded, 0.99)}`,
    );
    const ratio = quantile(flooded.latencies, 0.99) / quantile(quiet.latencies, 0.99);
    const met = [
      judge('p99 of the others, to their own without the flood', ratio, 'at most', 1.3, ' times'),
      judge('calls of the others that were refused', flooded.failed, 'at most', 0),
    ];
    return met.every(Boolean);
  },
};

async function start(url: string): Promise<Relay> {
  const folder = mkdtempSync(join(tmpdir(), 'relay-fairness-'));
  const path = join(folder, 'relay.yaml');
  const settings = {
    server: { listen: '127.0.0.1:0', max_concurrent_streams: 100_000 },
    admin: { listen: '127.0.0.1:0' },
    cache: { mode: 'off' },
    queue: { max_length: 500, max_wait: '5s' },
    routing: { probe: { method: 'off' } },
    accounts: [
      {
        name: 'primary',
        api_key: 'key',
        limits: { concurrent_requests: CONCURRENCY },
        regions: [{ name: 'us', base_url: url }],
      },
    ],
    tenants: [...QUIET, FLOOD].map((name) => ({ name, token_sha256: hash('sha256', name, 'hex') })),
  };
  writeFileSync(path, JSON.stringify(settings));
  const config = loadConfig({ path, env: {} });
  rmSync(folder, { recursive: true });
  return startRelay(config, createLog({ level: 'silent' }), '0.0.0');
}

type Call = (tenant: string, figures: Figures) => Promise<void>;

function caller(client: RelayClient): Call {
  let asked = 0;
  return async (tenant, figures) => {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${tenant}`);
    const content = [{ text: { text: `question ${++asked}` } }];
    const request = { model: 'claude-opus-5-5', max_tokens: 1, messages: [{ role: 'user', content }] };
    const began = performance.now();
    try {
      await client.unary('Complete', request, metadata, new Date(Date.now() + DEADLINE_MS));
      figures.latencies.push(performance.now() - began);
    } catch {
      figures.failed += 1;
    }
  };
}

/** Open-loop traffic: each tenant's calls come at its rate, at random, whether the earlier ones are answered or not. */
async function traffic(
  call: Call,
  milliseconds: number,
  rates: readonly (readonly [tenant: string, perSecond: number])[],
): Promise<ReadonlyMap<string, Figures>> {
  const figures = new Map(rates.map(([tenant]): [string, Figures] => [tenant, { latencies: [], failed: 0 }]));
  const calls: Promise<void>[] = [];
  const end = performance.now() + milliseconds;
  const due = rates.map(([tenant, perSecond]) => ({ tenant, perSecond, at: performance.now() + gap(perSecond) }));
  while (performance.now() < end) {
    for (const next of due) {
      const own = figures.get(next.tenant);
      if (own === undefined) continue;
      while (next.at <= performance.now()) {
        calls.push(call(next.tenant, own));
        next.at += gap(next.perSecond);
      }
    }
    await sleep(1);
  }
  await Promise.all(calls);
  return figures;
}

/** Milliseconds to the next arrival of a Poisson process. */
function gap(perSecond: number): number {
  return (-Math.log(1 - Math.random()) * 1000) / perSecond;
}

/** Adds the figures of the quiet tenants. */
function add(sum: Figures, figures: ReadonlyMap<string, Figures>): void {
  for (const tenant of QUIET) {
    sum.latencies.push(...(figures.get(tenant)?.latencies ?? []));
    sum.failed += figures.get(tenant)?.failed ?? 0;
  }
}

function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN;
}

function shown(figures: Figures, at: number): string {
  return `${quantile(figures.latencies, at).toFixed(0)} ms`;
}
