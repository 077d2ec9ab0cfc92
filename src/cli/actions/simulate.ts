import type { Command } from 'commander';
import { defaultSimulatorOptions, type SimulatorOptions } from '../../simulator/options.ts';
import { startSimulator } from '../../simulator/simulator.ts';

interface Listen {
  readonly host: string;
  readonly port: number;
}

export interface SimulateOptions extends Pick<SimulatorOptions, 'latency' | 'faults' | 'outputTokens' | 'seed'> {
  readonly listen: Listen;
  readonly limit: SimulatorOptions['limits'];
  readonly key: readonly string[];
}

/** Serves the stand-in until a signal ends it; says why where it cannot. */
export async function simulate(
  { listen: address, limit, key, ...behaviour }: SimulateOptions,
  command: Command,
): Promise<void> {
  const started = startSimulator({
    ...defaultSimulatorOptions,
    ...behaviour,
    ...address,
    limits: limit,
    apiKeys: key.map((each) => ({ key: each })),
  });
  const simulator = await started.catch((thrown: unknown) => command.error(cannotListen(thrown, address)));
  console.log(`SIMULATED Messages API on ${simulator.url} - no real model answers here`);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void simulator.close());
}

/** What is in the way of listening, and what to do; throws on what is anything else. */
function cannotListen(thrown: unknown, { host, port }: Listen): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (code === 'EADDRINUSE') return `Something listens on ${host}:${port} already. Choose another port with --listen.`;
  if (code === 'EACCES') return `Listening on ${host}:${port} is not allowed. Choose a port above 1023 with --listen.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `${host} is no address of this machine. Choose another with --listen.`;
  throw thrown;
}
