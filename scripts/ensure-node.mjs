// Runs before `npm start` and `npm test`, on whatever Node npm has found. The project needs a Node that strips types;
// it brings one as the dev dependency `node`, whose binary an install script puts in place. Where install scripts are
// switched off, this does it. Plain JavaScript, because an older Node runs it.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  const folder = fileURLToPath(new URL('../node_modules/node/', import.meta.url));
  if (!existsSync(`${folder}package.json`)) {
    console.error(
      `claude-relay: Node ${process.versions.node} is too old for the sources, and the dev dependency "node" is missing.`,
    );
    console.error('Run "npm install" (with dev dependencies) first, or use Node 24.');
    process.exit(1);
  }
  execFileSync(process.execPath, ['installArchSpecificPackage'], { cwd: folder, stdio: 'inherit' });
}
