/** Requests written as JSON, as grpcurl takes them (https://protobuf.dev/programming-guides/json/), for the proto loader. */
import type { PackageDefinition } from '@grpc/proto-loader';

interface FieldDescriptor {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

interface MessageDescriptor {
  readonly name: string;
  readonly field: readonly FieldDescriptor[];
}

/** A text that is no request of this form; the message says where and why. */
export class ProtoJsonError extends Error {
  override readonly name = 'ProtoJsonError';
}

/**
 * The message as the proto loader serializes it. Unknown fields are errors, where the proto loader would leave them out.
 *
 * @throws ProtoJsonError
 */
export function fromProtoJson(definition: PackageDefinition, messageName: string, text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ProtoJsonError('the request is not JSON', { cause });
  }
  return messageFrom(definition, messageName, value, '');
}

function messageFrom(definition: PackageDefinition, name: string, value: unknown, path: string): object {
  if (name === 'google.protobuf.Value') return valueFrom(value);
  if (name === 'google.protobuf.Duration') return durationFrom(value, path);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ProtoJsonError(`${path === '' ? 'the request' : path} is not an object`);
  }
  const descriptor = descriptorOf(definition, name);
  const fields: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    const field = descriptor.field.find((candidate) => candidate.name === key || camelCase(candidate.name) === key);
    const here = path === '' ? key : `${path}.${key}`;
    if (field === undefined) throw new ProtoJsonError(`${here} is no field of ${descriptor.name}`);
    if (inner !== null || isValue(field)) fields[field.name] = fieldFrom(definition, field, inner, here);
  }
  return fields;
}

function fieldFrom(definition: PackageDefinition, field: FieldDescriptor, value: unknown, path: string): unknown {
  if (field.label !== 'LABEL_REPEATED') return singleFrom(definition, field, value, path);
  if (!Array.isArray(value)) throw new ProtoJsonError(`${path} is not a list`);
  return value.map((item, index) => singleFrom(definition, field, item, `${path}[${index}]`));
}

function singleFrom(definition: PackageDefinition, field: FieldDescriptor, value: unknown, path: string): unknown {
  if (field.type !== 'TYPE_MESSAGE') return value;
  // The descriptor names types of the same package without it.
  const [full = field.typeName] = [`claude.relay.v1.${field.typeName}`, field.typeName].filter((n) => n in definition);
  return messageFrom(definition, full, value, path);
}

function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

function isValue(field: FieldDescriptor): boolean {
  return field.typeName.endsWith('google.protobuf.Value');
}

/** Any JSON as `google.protobuf.Value`. */
function valueFrom(value: unknown): object {
  if (value === null) return { nullValue: 0 };
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(valueFrom) } };
  const fields = Object.entries(value ?? {}).map(([key, inner]) => [key, valueFrom(inner)]);
  return { structValue: { fields: Object.fromEntries(fields) } };
}

function durationFrom(value: unknown, path: string): object {
  const [, sign = '', seconds, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(String(value)) ?? [];
  if (seconds === undefined) throw new ProtoJsonError(`${path} is not a duration such as "1.5s"`);
  return { seconds: Number(`${sign}${seconds}`), nanos: Number(`${sign}${fraction.padEnd(9, '0')}`) };
}

function descriptorOf(definition: PackageDefinition, name: string): MessageDescriptor {
  const entry = definition[name];
  if (entry === undefined || !('format' in entry)) throw new ProtoJsonError(`the proto has no message ${name}`);
  // The proto loader types the descriptor as `object`; its shape is google.protobuf.DescriptorProto.
  return entry.type as MessageDescriptor;
}
