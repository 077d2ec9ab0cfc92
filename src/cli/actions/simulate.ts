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

/** Serves the stand-in until a signal ends it. */
export async function simulate({ listen: address, limit, key, ...behaviour }: SimulateOptions): Promise<void> {
  const simulator = await startSimulator({
    ...defaultSimulatorOptions,
    ...behaviour,
    ...address,
    limits: limit,
    apiKeys: key.map((each) => ({ key: each })),
  });
  console.log(`SIMULATED Messages API on ${simulator.url} - no real model answers here`);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void simulator.close());
}
