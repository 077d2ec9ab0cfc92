import type { Command } from 'commander';
import { cannotListen } from '../cannot-listen.ts';
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
  const simulator = await started.catch((thrown: unknown) => {
    const why = cannotListen(thrown);
    if (why === undefined) throw thrown;
    return command.error(`${why}. Choose another address with --listen.`);
  });
  console.log(`SIMULATED Messages API on ${simulator.url} - no real model answers here`);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void simulator.close());
}
