/**
 * Compiles the proto files for server reflection: `npm run generate` after each change of a proto file. By
 * buf, because what proto-loader makes of them lacks imports, comments and presence, and strict clients refuse it.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { protoPath as healthProto } from 'grpc-health-check';
import { PROTO_ROOT } from '../src/server/proto-root.ts';

const BUF = fileURLToPath(new URL('../node_modules/.bin/buf', import.meta.url));
const TARGET = fileURLToPath(new URL('../src/server/generated/descriptors.ts', import.meta.url));
const LINE = 110;

/** A `google.protobuf.FileDescriptorSet` of the relay's proto files, of health, and of what they import. */
export function compileDescriptors(): Buffer {
  const healthRoot = dirname(dirname(dirname(healthProto)));
  // Sets that follow one another are one set: that is how protobuf merges repeated fields.
  return Buffer.concat([PROTO_ROOT, healthRoot].map((root) => execFileSync(BUF, ['build', root, ...OUTPUT])));
}

const OUTPUT = ['--as-file-descriptor-set', '-o', '-#format=binpb'];

if (import.meta.main) {
  const lines = gzipSync(compileDescriptors(), { level: 9 })
    .toString('base64')
    .match(new RegExp(`.{1,${LINE}}`, 'g'));
  writeFileSync(
    TARGET,
    [
      '/** Generated from the proto files by scripts/descriptors.ts: a FileDescriptorSet, compressed, in base64. */',
      'export const DESCRIPTORS = [',
      ...(lines ?? []).map((line) => `  '${line}',`),
      "].join('');",
      '',
    ].join('\n'),
  );
}
