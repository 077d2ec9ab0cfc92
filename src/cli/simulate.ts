import { Command, InvalidArgumentError, Option } from 'commander';
import { parseFaults } from '../simulator/faults/rules.ts';
import { parseLatency } from '../simulator/latency.ts';
import { parseLimits } from '../simulator/limits/rules.ts';
import { defaultSimulatorOptions } from '../simulator/options.ts';
import { parseOutputTokens } from '../simulator/output-length.ts';
import { SpecError } from '../simulator/spec.ts';
import type { SimulateOptions } from './actions/simulate.ts';

/** `claude-relay simulate`: a stand-in for the Messages API. */
export function simulateCommand(): Command {
  const defaults = defaultSimulatorOptions;
  return new Command('simulate')
    .description('Serve a faithful stand-in for the Claude Messages API over HTTP, for trials, tests and load.')
    .addHelpText('after', '\nThe specifications in full: docs/simulator.md')
    .addOption(
      new Option('--listen <host:port>', 'where to listen')
        .argParser(listen)
        .default({ host: '127.0.0.1', port: 8080 }, '127.0.0.1:8080'),
    )
    .addOption(
      new Option('--latency <spec>', 'such as 200ms+20ms/token, or 300ms~100ms+50ms/event')
        .argParser(read(parseLatency))
        .default(defaults.latency, 'none'),
    )
    .addOption(
      new Option('--limit <spec>', 'such as models=claude-opus-*,rpm=5;rpm=50,itpm=40k,otpm=8k')
        .argParser(read(parseLimits))
        .default(defaults.limits, 'none'),
    )
    .addOption(
      new Option('--faults <spec>', 'such as 529:rate=5%;500:between=10s-20s;cut:after=8,rate=0.01')
        .argParser(read(parseFaults))
        .default(defaults.faults, 'none'),
    )
    .addOption(
      new Option('--output-tokens <n or n-m>', 'length of an answer')
        .argParser(read(parseOutputTokens))
        .default(defaults.outputTokens, `${defaults.outputTokens.from}-${defaults.outputTokens.to}`),
    )
    .addOption(
      new Option('--key <key>', 'an API key to accept; repeat it for more').argParser(collect).default([], 'any'),
    )
    .option('--seed <text>', 'what everything random follows from', defaults.seed)
    .action(async (options: SimulateOptions, command: Command) =>
      (await import('./actions/simulate.ts')).simulate(options, command),
    );
}

/** A parser of the simulator as a parser of commander: what it cannot read is the caller's mistake. */
function read<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (thrown) {
      if (thrown instanceof SpecError) throw new InvalidArgumentError(thrown.message);
      throw thrown;
    }
  };
}

function listen(text: string): SimulateOptions['listen'] {
  const [, host = '', port = ''] = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host === '' || Number(port) > 65_535) throw new InvalidArgumentError('Write HOST:PORT, such as 127.0.0.1:8080.');
  return { host, port: Number(port) };
}

function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}
