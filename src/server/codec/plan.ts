import type { PackageDefinition } from '@grpc/proto-loader';

/**
 * What the codec knows of one message, compiled once from the proto descriptor. Everything else follows from the naming
 * rule of the API (docs/architecture.md): a field has the name of its JSON member; a oneof is a JSON object told apart
 * by `type`; `Json` is a JSON value; `extra` holds the members that have no field.
 */
export interface MessagePlan {
  readonly name: string;
  readonly form: 'object' | 'union' | 'json';
  /** In the order of the proto file, which is the order in which members go upstream. */
  readonly fields: readonly FieldPlan[];
  readonly byNumber: ReadonlyMap<number, FieldPlan>;
  readonly byName: ReadonlyMap<string, FieldPlan>;
  /** The fields that are members of the JSON object: all but `extra` and what belongs to the relay itself. */
  readonly members: ReadonlyMap<string, FieldPlan>;
  /** How many fields have no presence: an object without one of them is not of this shape. */
  readonly requiredScalars: number;
  /** The field `extra`, for JSON members that have no field of their own. */
  readonly extra: FieldPlan | undefined;
  /** Of a union: the member that takes what no other does, as raw JSON. */
  readonly other: FieldPlan | undefined;
  /** Of a union: the member that a JSON array goes to; its message has one repeated field, `items`. */
  readonly list: FieldPlan | undefined;
  /** Of a union: the member whose own `type` is optional. It takes objects without `type` (custom tools). */
  readonly untyped: FieldPlan | undefined;
  /** Of a union: the member whose own `type` is required. It takes every type that no member is named after. */
  readonly anyTyped: FieldPlan | undefined;
}

export type FieldKind =
  | 'string'
  | 'bool'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'double'
  | 'enum'
  | 'message'
  | 'value'
  | 'duration';

export interface FieldPlan {
  readonly name: string;
  readonly number: number;
  readonly index: number;
  readonly kind: FieldKind;
  readonly repeated: boolean;
  /** Whether the proto tells absent from the default (`optional`, messages, members of a oneof). */
  readonly presence: boolean;
  /** A list that the API always sends, so that an empty one is written rather than left out. */
  readonly requiredList: boolean;
  /** `"name":`, ready for output. */
  readonly prefix: string;
  /** Tag of the wire format, wire type included. */
  readonly tag: number;
  /** For kind `message`. */
  readonly message: MessagePlan | undefined;
  /** For kind `enum`: names by number. */
  readonly enumNames: ReadonlyMap<number, string>;
}

/**
 * Lists that the API always sends, empty or not. proto3 cannot tell an empty list from an absent one; everywhere else
 * an empty list travels in `extra`, so that both survive.
 */
const REQUIRED_LISTS = new Set([
  'CompleteRequest.messages',
  'CountTokensRequest.messages',
  'MessageParam.content',
  'Message.content',
  'CodeExecutionResult.content',
  'EncryptedCodeExecutionResult.content',
  'ToolSearchResult.tool_references',
  'WebSearchResultList.items',
  'ListModelsResponse.data',
]);

const NOT_JSON = new Set(['extra', 'relay']);

interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

interface MessageDescriptor {
  readonly name: string;
  readonly field: readonly FieldDescriptor[];
  readonly oneofDecl: readonly { readonly name: string }[];
}

interface EnumDescriptor {
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

const KINDS: Readonly<Record<string, FieldKind>> = {
  TYPE_STRING: 'string',
  TYPE_BOOL: 'bool',
  TYPE_INT32: 'int32',
  TYPE_UINT32: 'uint32',
  TYPE_INT64: 'int64',
  TYPE_DOUBLE: 'double',
  TYPE_ENUM: 'enum',
  TYPE_MESSAGE: 'message',
};

const WIRE_TYPES: Readonly<Record<FieldKind, number>> = {
  string: 2,
  bool: 0,
  int32: 0,
  uint32: 0,
  int64: 0,
  double: 1,
  enum: 0,
  message: 2,
  value: 2,
  duration: 2,
};

/** A plan while it is being compiled: messages refer to each other, so references are filled in at the end. */
type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** Compiles the plans of all messages of one package, by short name. */
export function compilePlans(definition: PackageDefinition, packageName: string): ReadonlyMap<string, MessagePlan> {
  const plans = new Map<string, Draft<MessagePlan>>();
  const references: { readonly field: Draft<FieldPlan>; readonly target: string }[] = [];
  for (const [name, entry] of Object.entries(definition)) {
    if (!name.startsWith(`${packageName}.`) || !('format' in entry)) continue;
    if (entry.format !== 'Protocol Buffer 3 DescriptorProto') continue;
    // proto-loader types the descriptor as `object`; its shape is google.protobuf.DescriptorProto.
    const message = entry.type as MessageDescriptor;
    const fields = message.field.map((field, index) => {
      const draft = compileField(message, field, index, (type) => enumNames(definition, packageName, type));
      if (draft.kind === 'message') references.push({ field: draft, target: shortName(field.typeName) });
      return draft;
    });
    plans.set(message.name, compileMessage(message, fields));
  }
  for (const { field, target } of references) {
    field.message = plans.get(target);
    if (field.message === undefined) throw new Error(`the proto has no message ${target}`);
  }
  for (const plan of plans.values()) linkUnion(plan);
  return plans;
}

function linkUnion(plan: Draft<MessagePlan>): void {
  if (plan.form !== 'union') return;
  const withOwnType = (presence: boolean): FieldPlan | undefined =>
    plan.fields.find((field) => field.message?.byName.get('type')?.presence === presence);
  plan.untyped = withOwnType(true);
  plan.anyTyped = withOwnType(false);
}

function enumNames(definition: PackageDefinition, packageName: string, type: string): ReadonlyMap<number, string> {
  const entry = definition[`${packageName}.${shortName(type)}`];
  if (entry === undefined || !('format' in entry)) throw new Error(`the proto has no enum ${type}`);
  const descriptor = entry.type as EnumDescriptor;
  return new Map(descriptor.value.map((value) => [value.number, value.name]));
}

function shortName(typeName: string): string {
  return typeName.slice(typeName.lastIndexOf('.') + 1);
}

function isUnion(message: MessageDescriptor): boolean {
  // proto3 `optional` is a oneof of its own, named after the field; the others are real.
  return message.oneofDecl.some((oneof) => !oneof.name.startsWith('_'));
}

function compileMessage(message: MessageDescriptor, fields: readonly FieldPlan[]): Draft<MessagePlan> {
  const byName = new Map(fields.map((field) => [field.name, field]));
  const union = isUnion(message);
  return {
    name: message.name,
    form: message.name === 'Json' ? 'json' : union ? 'union' : 'object',
    fields,
    byNumber: new Map(fields.map((field) => [field.number, field])),
    byName,
    members: new Map(fields.filter((field) => !NOT_JSON.has(field.name)).map((field) => [field.name, field])),
    requiredScalars: fields.filter((field) => !field.presence && !field.repeated).length,
    extra: byName.get('extra'),
    other: union ? byName.get('other') : undefined,
    list: union ? byName.get('list') : undefined,
    untyped: undefined,
    anyTyped: undefined,
  };
}

function compileField(
  message: MessageDescriptor,
  field: FieldDescriptor,
  index: number,
  enums: (type: string) => ReadonlyMap<number, string>,
): Draft<FieldPlan> {
  const kind = fieldKind(field);
  const repeated = field.label === 'LABEL_REPEATED';
  // Such lists are packed on the wire; the API has none so far, and the codec does not read them.
  if (repeated && WIRE_TYPES[kind] !== 2)
    throw new Error(`${message.name}.${field.name}: a packed list is not supported`);
  return {
    name: field.name,
    number: field.number,
    index,
    kind,
    repeated,
    presence:
      kind === 'message' || isUnion(message) || message.oneofDecl.some((oneof) => oneof.name === `_${field.name}`),
    requiredList: REQUIRED_LISTS.has(`${message.name}.${field.name}`),
    prefix: `${JSON.stringify(field.name)}:`,
    tag: (field.number << 3) | WIRE_TYPES[kind],
    message: undefined,
    enumNames: kind === 'enum' ? enums(field.typeName) : new Map(),
  };
}

function fieldKind(field: FieldDescriptor): FieldKind {
  if (field.typeName.endsWith('google.protobuf.Value')) return 'value';
  if (field.typeName.endsWith('google.protobuf.Duration')) return 'duration';
  const kind = KINDS[field.type];
  if (kind === undefined) throw new Error(`field ${field.name} has a type that the codec does not know: ${field.type}`);
  return kind;
}
