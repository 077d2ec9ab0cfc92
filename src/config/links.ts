import { lstatSync, readlinkSync } from 'node:fs';
import { dirname, join, parse, resolve, sep } from 'node:path';

/** As in Linux (path_resolution(7)); more is a loop. */
const MAX_LINKS = 40;

/**
 * The folders whose entries decide what a path leads to: its own, and that of every symbolic link on the way. A file in
 * a Kubernetes ConfigMap is a link through `..data`, which is itself a link that is swapped at each update. Where the way
 * ends early, the last folder that exists is where it would continue.
 */
export function decidingFolders(path: string): ReadonlySet<string> {
  const folders = new Set<string>();
  let { root: here } = parse(resolve(path));
  let steps = stepsOf(resolve(path));
  for (let links = 0; links <= MAX_LINKS; ) {
    const [step, ...rest] = steps;
    if (step === undefined) return folders;
    const next = join(here, step);
    const stat = lstatSync(next, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) {
      folders.add(here);
      links++;
      const target = resolve(here, readlinkSync(next));
      here = parse(target).root;
      steps = [...stepsOf(target), ...rest];
    } else if (stat?.isDirectory() && rest.length > 0) {
      here = next;
      steps = rest;
    } else {
      folders.add(dirname(next));
      return folders;
    }
  }
  return folders;
}

function stepsOf(absolute: string): string[] {
  return absolute.slice(parse(absolute).root.length).split(sep).filter(Boolean);
}
