import type { PackageDefinition } from '@grpc/proto-loader';
import type { FieldKind, FieldPlan, MessagePlan } from './plan.ts';

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
  'BrowserStateBlock.tabs',
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
  tag: 2,
};

const NO_NAMES: ReadonlyMap<number, string> = new Map();

/** `type` of a union's member. */
const TYPE: FieldPlan = {
  name: 'type',
  number: 0,
  index: -1,
  kind: 'tag',
  repeated: false,
  nested: false,
  presence: true,
  requiredList: false,
  prefix: '"type":',
  head: '{',
  next: undefined,
  tag: 0,
  message: undefined,
  enumNames: NO_NAMES,
};

/** A plan while it is being compiled: messages refer to each other, so references are filled in at the end. */
type Draft<T> = { -readonly [K in keyof T]: T[K] };

interface Unlinked {
  readonly plan: Draft<MessagePlan>;
  readonly fields: readonly Draft<FieldPlan>[];
  /** By index of the field: the message that it is of. */
  readonly references: readonly (string | undefined)[];
}

/** Compiles the plans of all messages of one package, by short name. */
export function compilePlans(definition: PackageDefinition, packageName: string): ReadonlyMap<string, MessagePlan> {
  const drafts = new Map<string, Unlinked>();
  for (const [name, entry] of Object.entries(definition)) {
    if (!name.startsWith(`${packageName}.`) || !('format' in entry)) continue;
    if (entry.format !== 'Protocol Buffer 3 DescriptorProto') continue;
    // proto-loader types the descriptor as `object`; its shape is google.protobuf.DescriptorProto.
    const message = entry.type as MessageDescriptor;
    const fields = message.field.map((field, index) =>
      compileField(message, field, index, (type) => enumNames(definition, packageName, type)),
    );
    const references = message.field.map((field, index) =>
      fields[index]?.kind === 'message' ? shortName(field.typeName) : undefined,
    );
    drafts.set(message.name, { plan: compileMessage(message, fields), fields, references });
  }
  for (const draft of drafts.values()) {
    for (const [index, field] of draft.fields.entries()) {
      const target = draft.references[index];
      if (target !== undefined) field.message = found(drafts.get(target), `message ${target}`).plan;
    }
  }
  for (const draft of drafts.values()) linkUnion(draft, drafts);
  for (const draft of drafts.values()) expectNoTag(draft);
  return new Map([...drafts].map(([name, { plan }]) => [name, plan]));
}

/** Finds the roles of a union's members, and tells their messages of it. */
function linkUnion({ plan, fields }: Unlinked, drafts: ReadonlyMap<string, Unlinked>): void {
  if (plan.form !== 'union') return;
  const withOwnType = (presence: boolean): FieldPlan | undefined =>
    fields.find((field) => field.message?.byName.get('type')?.presence === presence);
  plan.untyped = withOwnType(true);
  plan.anyTyped = withOwnType(false);
  for (const field of fields) {
    const message = drafts.get(field.message?.name ?? '');
    if (message === undefined || NOT_JSON.has(field.name)) continue;
    if (field === plan.list) message.plan.form = 'list';
    if (message.plan.form !== 'object' || field === plan.untyped || field === plan.anyTyped) continue;
    field.head = `{"type":${JSON.stringify(field.name)}`;
    tag(message.plan);
  }
}

/** Makes `type` of the message something that is known already: the union says it. */
function tag(plan: Draft<MessagePlan>): void {
  const type: FieldPlan = { ...TYPE, next: plan.members[0] };
  plan.first = type;
  plan.memberByName = new Map([...plan.memberByName, [type.name, type]]);
}

function expectNoTag({ plan, fields }: Unlinked): void {
  if (plan.form === 'union') return;
  const tagged = fields.find((field) => field.message?.first?.kind === 'tag');
  if (tagged === undefined) return;
  throw new Error(`${plan.name}.${tagged.name}: a member of a union cannot be a field too, its type would be lost`);
}

function enumNames(definition: PackageDefinition, packageName: string, type: string): ReadonlyMap<number, string> {
  const entry = found(definition[`${packageName}.${shortName(type)}`], `enum ${type}`);
  const descriptor = 'format' in entry ? (entry.type as EnumDescriptor) : { value: [] };
  return new Map(descriptor.value.map((value) => [value.number, value.name]));
}

function shortName(typeName: string): string {
  return typeName.slice(typeName.lastIndexOf('.') + 1);
}

/** Whether the message has a oneof, other than those that proto3 makes of `optional` and names after the field. */
function hasOneof(message: MessageDescriptor): boolean {
  return message.oneofDecl.some((oneof) => !oneof.name.startsWith('_'));
}

function compileMessage(message: MessageDescriptor, fields: readonly Draft<FieldPlan>[]): Draft<MessagePlan> {
  const byName = new Map(fields.map((field) => [field.name, field]));
  const byNumber: (FieldPlan | undefined)[] = [];
  for (const field of fields) byNumber[field.number] = field;
  const members = fields.filter((field) => !NOT_JSON.has(field.name));
  for (const [index, member] of members.entries()) member.next = members[index + 1];
  // A oneof of scalars is the relay's own, and an ordinary object.
  const isUnion = hasOneof(message) && fields.every((field) => field.nested);
  return {
    name: message.name,
    form: message.name === 'Json' ? 'json' : isUnion ? 'union' : 'object',
    fields,
    byNumber,
    byName,
    members,
    memberByName: new Map(members.map((field) => [field.name, field])),
    first: members[0],
    requiredScalars: fields.filter((field) => !field.presence && !field.repeated).length,
    extra: byName.get('extra'),
    other: isUnion ? byName.get('other') : undefined,
    list: isUnion ? byName.get('list') : undefined,
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
  const nested = kind === 'message' || kind === 'value' || kind === 'duration';
  // Such lists are packed on the wire; the API has none so far, and the codec does not read them.
  if (repeated && WIRE_TYPES[kind] !== 2)
    throw new Error(`${message.name}.${field.name}: a packed list is not supported`);
  return {
    name: field.name,
    number: field.number,
    index,
    kind,
    repeated,
    nested,
    presence: nested || hasOneof(message) || message.oneofDecl.some((oneof) => oneof.name === `_${field.name}`),
    requiredList: REQUIRED_LISTS.has(`${message.name}.${field.name}`),
    prefix: `${JSON.stringify(field.name)}:`,
    head: '{',
    next: undefined,
    tag: (field.number << 3) | WIRE_TYPES[kind],
    message: undefined,
    enumNames: kind === 'enum' ? enums(field.typeName) : NO_NAMES,
  };
}

function fieldKind(field: FieldDescriptor): FieldKind {
  if (field.typeName.endsWith('google.protobuf.Value')) return 'value';
  if (field.typeName.endsWith('google.protobuf.Duration')) return 'duration';
  return found(KINDS[field.type], `type ${field.type} that this codec knows (${field.name})`);
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the proto has no ${what}`);
  return value;
}
