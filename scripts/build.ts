/** `npm run build`: compiles `src` to `dist`, which is what the package ships (Node strips no types below node_modules). */
import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';

const root = new URL('..', import.meta.url);
rmSync(new URL('dist', root), { recursive: true, force: true });
execFileSync('tsc', ['--project', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
chmodSync(new URL('dist/cli/main.js', root), 0o755);
