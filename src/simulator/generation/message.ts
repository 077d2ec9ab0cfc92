/** Spells an answer the way the API does: as one JSON object, or as the events of a stream. */
import { integerBetween, type Random } from '../random.ts';
import type { InputUsage } from '../prompt-cache.ts';
import { deltaUsage, type Service, startUsage, wholeUsage } from '../usage.ts';
import type { Answer, AnswerBlock, ToolUseAnswer } from './answer.ts';

/** What an answer carries around its content. */
export interface Envelope {
  /** `msg_…` */
  readonly id: string;
  readonly model: string;
  readonly input: InputUsage;
  readonly service: Service;
}

const DIRECT_CALLER = { type: 'direct' } as const;

function toolUse(block: ToolUseAnswer, input: unknown): object {
  return {
    type: 'tool_use',
    id: block.id,
    name: block.name,
    input,
    caller: DIRECT_CALLER,
    ...(block.toolsetName && { toolset_name: block.toolsetName }),
  };
}

function spellBlock(block: AnswerBlock): object {
  switch (block.kind) {
    case 'text':
      return { type: 'text', text: block.tokens.join('') };
    case 'thinking':
      return { type: 'thinking', thinking: block.shown ? block.tokens.join('') : '', signature: block.signature };
    case 'redacted_thinking':
      return { type: 'redacted_thinking', data: block.data };
    default:
      return toolUse(block, block.input);
  }
}

/** The answer to a request without `stream`, and the `message` of a batch result. */
export function wholeMessage(answer: Answer, envelope: Envelope): object {
  return {
    model: envelope.model,
    id: envelope.id,
    type: 'message',
    role: 'assistant',
    content: answer.blocks.map(spellBlock),
    stop_reason: answer.stopReason,
    stop_sequence: answer.stopSequence,
    stop_details: null,
    usage: wholeUsage(envelope.input, answer, envelope.service),
  };
}

/** One server-sent event, ready to be written. */
export interface Frame {
  readonly text: string;
  /** Output tokens that went into it. */
  readonly tokens: number;
}

const MOST_PADDING = 14;
const PADDINGS = Array.from({ length: MOST_PADDING + 1 }, (_, length) => ' '.repeat(length));

/** `event: ping`, the only event that carries no padding. */
export const PING: Frame = { text: 'event: ping\ndata: {"type":"ping"}\n\n', tokens: 0 };

/** An `error` event, after which the stream ends. */
export function errorFrame(type: string, message: string, requestId: string): Frame {
  const error = { type: 'error', error: { details: null, type, message }, request_id: requestId };
  return { text: `event: error\ndata: ${JSON.stringify(error)}\n\n`, tokens: 0 };
}

/** Frames an event; `payload` is its JSON without the last brace, before which the API pads with spaces. */
function frame(name: string, payload: string, random: Random, tokens = 0): Frame {
  const padding = PADDINGS[integerBetween(random, 0, MOST_PADDING)] ?? '';
  return { text: `event: ${name}\ndata: ${payload}${padding}}\n\n`, tokens };
}

function startFrame(envelope: Envelope, random: Random): Frame {
  const message = {
    model: envelope.model,
    id: envelope.id,
    type: 'message',
    role: 'assistant',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    usage: startUsage(envelope.input, envelope.service),
  };
  return frame('message_start', `{"type":"message_start","message":${JSON.stringify(message)}`, random);
}

/** How a block opens: text, thinking and input start empty, whatever has no deltas comes whole. */
function openBlock(block: AnswerBlock): object {
  switch (block.kind) {
    case 'text':
      return { type: 'text', text: '' };
    case 'thinking':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'redacted_thinking':
      return spellBlock(block);
    default:
      return toolUse(block, {});
  }
}

const DELTAS = {
  text: '{"type":"text_delta","text":',
  thinking: '{"type":"thinking_delta","thinking":',
  tool_use: '{"type":"input_json_delta","partial_json":',
  signature: '{"type":"signature_delta","signature":',
} as const;

function* deltaFrames(block: AnswerBlock, index: number, perEvent: number, random: Random): Generator<Frame> {
  const delta = (kind: keyof typeof DELTAS, text: string, tokens: number): Frame =>
    frame(
      'content_block_delta',
      `{"type":"content_block_delta","index":${index},"delta":${DELTAS[kind]}${JSON.stringify(text)}}`,
      random,
      tokens,
    );
  if (block.kind === 'redacted_thinking') return;
  // The first fragment of an input is empty (reference 3.2).
  if (block.kind === 'tool_use') yield delta('tool_use', '', 0);
  for (let start = 0; start < block.tokens.length; start += perEvent) {
    const tokens = block.tokens.slice(start, start + perEvent);
    if (block.kind === 'thinking' && !block.shown) yield { text: '', tokens: tokens.length };
    else yield delta(block.kind, tokens.join(''), tokens.length);
  }
  if (block.kind === 'thinking') yield delta('signature', block.signature, 0);
}

/**
 * The events of an answer in order, made one by one as they are asked for. Thinking that is not shown takes its time all
 * the same: its frames have tokens and no text.
 */
export function* streamFrames(
  answer: Answer,
  envelope: Envelope,
  tokensPerEvent: number,
  random: Random,
): Generator<Frame> {
  yield startFrame(envelope, random);
  for (const [index, block] of answer.blocks.entries()) {
    yield frame(
      'content_block_start',
      `{"type":"content_block_start","index":${index},"content_block":${JSON.stringify(openBlock(block))}`,
      random,
    );
    if (index === 0) yield PING;
    yield* deltaFrames(block, index, tokensPerEvent, random);
    yield frame('content_block_stop', `{"type":"content_block_stop","index":${index}`, random);
  }
  const delta = { stop_reason: answer.stopReason, stop_sequence: answer.stopSequence, stop_details: null };
  yield frame(
    'message_delta',
    `{"type":"message_delta","delta":${JSON.stringify(delta)},"usage":${JSON.stringify(deltaUsage(envelope.input, answer))}`,
    random,
  );
  yield frame('message_stop', '{"type":"message_stop"', random);
}
