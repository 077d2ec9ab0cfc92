/**
 * What the codec knows of one message, compiled once from the proto descriptor. Everything else follows from the naming
 * rule of the API (docs/architecture.md): a field has the name of its JSON member; a oneof is a JSON object told apart
 * by `type`; `Json` is a JSON value; `extra` holds the members that have no field.
 */
export interface MessagePlan {
  readonly name: string;
  /** A `list` is a message around one repeated field, `items`: a JSON array that is a member of a union. */
  readonly form: 'object' | 'union' | 'json' | 'list';
  /** In the order of the proto file. */
  readonly fields: readonly FieldPlan[];
  /** At the index that is the field's number. */
  readonly byNumber: readonly (FieldPlan | undefined)[];
  readonly byName: ReadonlyMap<string, FieldPlan>;
  /**
   * The fields that are members of the JSON object: all but `extra` and what belongs to the relay itself. Their order
   * is the order in which they go upstream.
   */
  readonly members: readonly FieldPlan[];
  readonly memberByName: ReadonlyMap<string, FieldPlan>;
  /** The member that the API sends first, as a rule; the others follow by `next`. */
  readonly first: FieldPlan | undefined;
  /** How many fields have no presence: an object without one of them is not of this shape. */
  readonly requiredScalars: number;
  /** The field `extra`, for JSON members that have no field of their own. */
  readonly extra: FieldPlan | undefined;
  /** Of a union: the member that takes what no other does, as raw JSON. */
  readonly other: FieldPlan | undefined;
  /** Of a union: the member that a JSON array goes to; its message is a `list`. */
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
  | 'duration'
  /** `type` in the message of a union's member: no field, the member's name says it. */
  | 'tag';

export interface FieldPlan {
  readonly name: string;
  readonly number: number;
  /** Place in the message's `fields`. */
  readonly index: number;
  readonly kind: FieldKind;
  readonly repeated: boolean;
  /** Whether it is a message of any kind. */
  readonly nested: boolean;
  /** Whether the proto tells absent from the default (`optional`, messages, members of a oneof). */
  readonly presence: boolean;
  /** A list that the API always sends, so that an empty one is written rather than left out. */
  readonly requiredList: boolean;
  /** `"name":`, ready for output. */
  readonly prefix: string;
  /** What the JSON object of a message begins with: `{`, or `{"type":"name"` for a member of a union. */
  readonly head: string;
  /** The next one of the members. */
  readonly next: FieldPlan | undefined;
  /** Tag of the wire format, wire type included. */
  readonly tag: number;
  /** For kind `message`. */
  readonly message: MessagePlan | undefined;
  /** For kind `enum`: names by number. */
  readonly enumNames: ReadonlyMap<number, string>;
}

/** The members of one message, as JSON text by field index; undefined where the field was not sent. */
export type FieldTexts = readonly (string | undefined)[];
