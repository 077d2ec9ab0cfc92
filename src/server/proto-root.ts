import { fileURLToPath } from 'node:url';

/** Folder of the proto files: the package's `proto`, as far from `src/server` as from the built `dist/server`. */
export const PROTO_ROOT: string = fileURLToPath(new URL('../../proto', import.meta.url));
