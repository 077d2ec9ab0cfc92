import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
  type YAMLError,
} from 'yaml';
import { type Draft, type Mapping, newMapping, type Position } from './draft.ts';
import type { Path } from './problem.ts';
import { hideReferences, isHidden, unhideReferences } from './references.ts';

/** Deeper and larger than any configuration, and small enough that aliases of aliases cannot fill the memory. */
const MAX_DEPTH = 32;
const MAX_NODES = 50_000;

/** Reads YAML text into the draft: plain values, and the place of each. Syntax errors end the reading. */
export function readYaml(text: string, draft: Draft): void {
  if (isHidden(text)) {
    draft.blame([], 'holds characters of the private use area (U+E000 to U+E07F). Take them out.');
    return;
  }
  const lines = new LineCounter();
  const document = parse(hideReferences(text), lines);
  if (document === undefined) {
    draft.blame([], 'is nested too deeply. Compare it with the example.');
    return;
  }
  const complaints = [...document.errors, ...document.warnings];
  for (const complaint of complaints) draft.blameAt([], positionOf(lines, complaint.pos[0]), explain(complaint));
  if (complaints.length > 0) draft.spoil([]);
  else new Reader(document, lines, draft).readRoot();
}

function parse(text: string, lines: LineCounter): Document.Parsed | undefined {
  try {
    return parseDocument(text, {
      lineCounter: lines,
      // The pretty form quotes the file, secrets included.
      prettyErrors: false,
      schema: 'core',
      merge: false,
      stringKeys: true,
      // Found by the reader, which knows the path.
      uniqueKeys: false,
    });
  } catch (error) {
    // The parser recurses, and says so by running out of stack.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function positionOf(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

/** The library's own messages may quote the file, so each kind of error gets words of ours. */
const EXPLANATIONS: Partial<Record<YAMLError['code'], string>> = {
  BAD_ALIAS: 'an alias or anchor is malformed. Write &name once and *name after it.',
  BAD_COLLECTION_TYPE: 'a tag does not fit its value. Take the tag out.',
  BAD_DIRECTIVE: 'a directive (%) is not understood. Take it out.',
  BAD_DQ_ESCAPE: 'a \\ in double quotes starts no known escape. Write \\\\, or use single quotes.',
  BAD_INDENT: 'the indentation does not fit the lines above. Align it with its neighbours.',
  BAD_SCALAR_START: 'a value starts with a character that YAML reserves. Put it in quotes.',
  BLOCK_IN_FLOW: 'a block stands within braces or brackets. Write it in braces too, or the outer part in lines.',
  MISSING_CHAR: 'something is missing: a quote, a bracket, a comma, or a colon after a key. Complete it.',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines. Check for a missing colon or quote.',
  MULTIPLE_DOCS: 'a second document starts here. Keep one per file and take out "---".',
  NON_STRING_KEY: 'a key is no plain text. Write it as a word.',
  TAB_AS_INDENT: 'a tab is used for indentation. Use spaces.',
  TAG_RESOLVE_FAILED: 'a tag (!) is not understood. Take it out.',
  UNEXPECTED_TOKEN: 'something stands where YAML allows nothing. Check quotes, brackets and colons.',
};

function explain(complaint: YAMLError): string {
  return EXPLANATIONS[complaint.code] ?? 'this is not valid YAML. Check indentation, quotes and brackets.';
}

class Reader {
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #draft: Draft;
  #nodes = 0;

  constructor(document: Document.Parsed, lines: LineCounter, draft: Draft) {
    this.#document = document;
    this.#lines = lines;
    this.#draft = draft;
  }

  readRoot(): void {
    const { contents } = this.#document;
    if (contents === null || (isScalar(contents) && contents.value === null)) return;
    this.#draft.root = this.#read(contents, [], undefined);
  }

  #read(node: ParsedNode, path: Path, key: Position | undefined): unknown {
    const value = positionOf(this.#lines, node.range[0]);
    this.#draft.place(path, { value, key });
    this.#nodes++;
    if (path.length > MAX_DEPTH || this.#nodes > MAX_NODES) {
      if (!this.#draft.isSpoiled([]))
        this.#draft.blame([], 'is nested too deeply or too large. Look for an alias (*) that repeats itself.');
      return undefined;
    }
    if (isMap(node)) return this.#readMapping(node, path);
    if (isSeq(node)) return node.items.map((item, index) => this.#read(item, [...path, index], undefined));
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target !== undefined) return this.#read(target as ParsedNode, path, key);
      this.#draft.blame(path, 'repeats an anchor that is not set above. Set it with & first.');
      return undefined;
    }
    return typeof node.value === 'string' ? unhideReferences(node.value) : node.value;
  }

  #readMapping(node: Extract<ParsedNode, { items: { key: unknown }[] }>, path: Path): Mapping {
    const mapping = newMapping();
    for (const { key: keyNode, value: valueNode } of node.items) {
      const key = isScalar(keyNode) ? unhideReferences(String(keyNode.value)) : '';
      const position = positionOf(this.#lines, keyNode.range[0]);
      const inner = [...path, key];
      if (Object.hasOwn(mapping, key)) {
        this.#draft.blameAt(inner, position, 'has the same key twice. Keep one of them.');
        continue;
      }
      // A key with nothing after it counts as left out, but stays a key that must be known.
      const absent = valueNode === null || (isScalar(valueNode) && valueNode.value === null);
      if (absent) this.#draft.place(inner, { value: position, key: position });
      mapping[key] = absent ? undefined : this.#read(valueNode, inner, position);
    }
    return mapping;
  }
}
