import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { Command } from 'commander';
import { type Caller, callerOf } from '../caller.ts';
import type { CallerOptions } from '../caller-options.ts';
import { type ProtoObject, RelayClient } from '../relay-client.ts';

export interface CompleteOptions extends CallerOptions {
  readonly stream: boolean;
  readonly model: string;
  readonly address: string;
  readonly maxTokens: number;
  readonly system?: string;
  readonly timeout: number;
}

/** Asks, and prints the answer, or why there is none. */
export async function complete(text: string, options: CompleteOptions, command: Command): Promise<void> {
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
  const { request_id: id, simulated } = asObject(info);
  console.error(
    `[${textOf(id)}] ${originOf(asObject(info))}${simulated === true ? ' - SIMULATED: no real model answered' : ''}`,
  );
}

/** Where an answer came from. */
function originOf({ cache_status: status, cache_age: age, account, region, attempts }: ProtoObject): string {
  if (age === undefined || age === null)
    return `account ${textOf(account)}, region ${textOf(region)}, ${Number(attempts ?? 0)} attempt(s)`;
  const { seconds, nanos } = asObject(age);
  const old = Number(seconds ?? 0) + Number(nanos ?? 0) / 1e9;
  const question = status === 'CACHE_STATUS_SIMILAR' ? 'a similar request' : 'the same request';
  return `from the cache: answered ${question} ${old.toFixed(1)} s ago`;
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
