/**
 * Messages of the relay back to the JSON of the API, by the naming rule alone: written against the proto and the objects of
 * the proto loader, as a client's author would, and not with the relay's codec.
 */
import type { AnyDefinition } from '@grpc/proto-loader';
import { definition, type Event, type Fields } from './core-relay.ts';

interface FieldDescriptor {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

interface Descriptor {
  readonly name: string;
  readonly field: readonly FieldDescriptor[];
  readonly oneofDecl: readonly { readonly name: string }[];
}

/** Lists that the API always sends; everywhere else an empty list travels in `extra`. */
const ALWAYS_SENT = new Set([
  'Message.content',
  'CodeExecutionResult.content',
  'EncryptedCodeExecutionResult.content',
  'ToolSearchResult.tool_references',
  'ListModelsResponse.data',
]);

const NUMBERS = new Set(['TYPE_INT32', 'TYPE_UINT32', 'TYPE_INT64', 'TYPE_DOUBLE']);

function descriptorOf(name: string): Descriptor {
  const found: AnyDefinition | undefined = definition[`claude.relay.v1.${name}`];
  if (found === undefined || !('type' in found)) throw new Error(`no message ${name}`);
  return found.type as Descriptor;
}

/** The JSON text of the API for a decoded message of this type. */
export function jsonOf(typeName: string, message: Fields): string {
  if (typeName === 'Json') return String(message['text']);
  const type = descriptorOf(typeName);
  const union = type.oneofDecl.find(({ name }) => !name.startsWith('_'))?.name;
  return union === undefined ? objectOf(type, message) : unionOf(type, String(message[union]), message);
}

/** One event of a stream as the API sends it: its type and its JSON text. */
export function eventOf(event: Event): { readonly type: string; readonly data: string } {
  const kind = event.event;
  const data = unionOf(descriptorOf('CompleteStreamResponse'), kind, event);
  const { type }: { type: string } = JSON.parse(data);
  return { type, data };
}

function unionOf(type: Descriptor, kind: string, message: Fields): string {
  const field = type.field.find(({ name }) => name === kind);
  if (field === undefined) throw new Error(`${type.name} has no kind ${kind}`);
  const text = valueOf(field, message[kind]);
  if (kind === 'other') return text;
  if (kind === 'list') return text.slice('{"items":'.length, -1);
  return `{"type":${JSON.stringify(kind)}${text === '{}' ? '' : ','}${text.slice(1)}`;
}

function objectOf(type: Descriptor, message: Fields): string {
  const members: string[] = [];
  for (const field of type.field) {
    const value = message[field.name];
    if (field.name === 'extra' || field.name === 'relay') continue;
    if (field.label === 'LABEL_REPEATED') {
      const items = Array.isArray(value) ? value : [];
      const isSent = items.length > 0 || ALWAYS_SENT.has(`${type.name}.${field.name}`);
      if (isSent) members.push(`"${field.name}":[${items.map((item: unknown) => valueOf(field, item)).join(',')}]`);
    } else if (value !== undefined && value !== null) {
      members.push(`"${field.name}":${valueOf(field, value)}`);
    } else if (!hasPresence(type, field)) {
      members.push(`"${field.name}":${field.type === 'TYPE_STRING' ? '""' : '0'}`);
    }
  }
  const { extra } = message;
  const further =
    extra === undefined || extra === null
      ? ''
      : jsonOf('Json', extra as Fields)
          .trim()
          .slice(1, -1);
  if (further.trim() !== '') members.push(further);
  return `{${members.join(',')}}`;
}

function hasPresence(type: Descriptor, field: FieldDescriptor): boolean {
  return field.type === 'TYPE_MESSAGE' || type.oneofDecl.some(({ name }) => name === `_${field.name}`);
}

function valueOf({ type, typeName }: FieldDescriptor, value: unknown): string {
  if (type === 'TYPE_MESSAGE') return jsonOf(typeName.slice(typeName.lastIndexOf('.') + 1), value as Fields);
  return NUMBERS.has(type) ? String(value) : JSON.stringify(value);
}
