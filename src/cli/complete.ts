import { Command, InvalidArgumentError, Option } from 'commander';
import type { CompleteOptions } from './actions/complete.ts';
import { addCallerOptions } from './caller-options.ts';

/** `claude-relay complete`: a client, for people. */
export function completeCommand(): Command {
  const command = new Command('complete')
    .description(
      'Ask the model one question through a relay. The answer goes to standard output, what the relay did to standard error.',
    )
    .argument('<text>', 'what to ask')
    .option('--stream', 'print the answer as it is written', false)
    .option('--model <id>', 'the model to ask', 'claude-opus-5-5')
    .addOption(
      new Option('--address <host:port>', 'where the relay listens').env('RELAY_LISTEN').default('127.0.0.1:50051'),
    )
    .option('--max-tokens <n>', 'the largest number of tokens to write', naturalNumber, 1024)
    .option('--system <text>', 'instructions that stand above the question')
    .option('--timeout <seconds>', 'how long to wait for the whole answer', naturalNumber, 600);
  return addCallerOptions(command).action(async (text: string, options: CompleteOptions, self: Command) =>
    (await import('./actions/complete.ts')).complete(text, options, self),
  );
}

function naturalNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return value;
}
