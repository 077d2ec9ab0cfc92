import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { Command, InvalidArgumentError } from 'commander';
import { addCallerOptions, type Caller, type CallerOptions, callerOf } from './caller.ts';
import { type ProtoObject, RelayClient } from './relay-client.ts';

interface CompleteOptions extends CallerOptions {
  readonly stream: boolean;
  readonly model: string;
  readonly address: string;
  readonly maxTokens: number;
  readonly system?: string;
  readonly timeout: number;
}

/** `claude-relay complete`: a client, for people. */
export function completeCommand(): Command {
  const command = new Command('complete')
    .description(
      'Ask the model one question through a relay. The answer goes to standard output, what the relay did to standard error.',
    )
    .argument('<text>', 'what to ask')
    .option('--stream', 'print the answer as it is written', false)
    .option('--model <id>', 'the model to ask', 'claude-opus-5-5')
    .option('--address <host:port>', 'where the relay listens', process.env['RELAY_LISTEN'] ?? '127.0.0.1:50051')
    .option('--max-tokens <n>', 'the largest number of tokens to write', naturalNumber, 1024)
    .option('--system <text>', 'instructions that stand above the question')
    .option('--timeout <seconds>', 'how long to wait for the whole answer', naturalNumber, 600);
  return addCallerOptions(command).action(complete);
}

async function complete(text: string, options: CompleteOptions, command: Command): Promise<void> {
  const { channel, prove } = callerOrExplain(options, command);
  const client = new RelayClient(options.address, channel, prove);
  const request = {
    model: options.model,
    max_tokens: options.maxTokens,
    messages: [{ role: 'user', content: [{ text: { text } }] }],
    ...(options.system === undefined ? {} : { system: [{ text: { text: options.system } }] }),
  };
  const deadline = new Date(Date.now() + options.timeout * 1000);
  try {
    if (options.stream) await printStream(client, request, deadline);
    else printMessage(await client.unary('Complete', request, new Metadata(), deadline));
  } catch (thrown) {
    if (!isServiceError(thrown)) throw thrown;
    console.error(`${status[thrown.code]}: ${thrown.details}`);
    process.exitCode = 1;
  } finally {
    client.close();
  }
}

function callerOrExplain(options: CallerOptions, command: Command): Caller {
  try {
    return callerOf(options);
  } catch (thrown) {
    return command.error(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

async function printStream(client: RelayClient, request: object, deadline: Date): Promise<void> {
  let info: unknown;
  for await (const event of client.stream('CompleteStream', request, new Metadata(), deadline)) {
    const message = asObject(event);
    const delta = asObject(asObject(message['content_block_delta'])['delta']);
    process.stdout.write(textOf(asObject(delta['text_delta'])['text']));
    info = message['relay'] ?? info;
  }
  process.stdout.write('\n');
  printInfo(info);
}

function printMessage(response: ProtoObject): void {
  const blocks = asObject(response['message'])['content'];
  for (const block of Array.isArray(blocks) ? blocks : []) {
    const { text, tool_use: toolUse } = asObject(block);
    if (text !== undefined) console.log(textOf(asObject(text)['text']));
    else if (toolUse !== undefined) console.log(JSON.stringify(toolUse));
  }
  printInfo(response['relay']);
}

function printInfo(info: unknown): void {
  const { request_id: id, account, region, attempts, simulated } = asObject(info);
  const served = `account ${textOf(account)}, region ${textOf(region)}, ${String(attempts)} attempt(s)`;
  console.error(`[${textOf(id)}] ${served}${simulated === true ? ' - SIMULATED: no real model answered' : ''}`);
}

function asObject(value: unknown): ProtoObject {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && 'details' in thrown;
}

function naturalNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return value;
}
