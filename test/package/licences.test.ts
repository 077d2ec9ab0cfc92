import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ALLOWED, renderLicences, shippedPackages } from '../../scripts/licences.ts';

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

const packages = shippedPackages(read('package-lock.json'));

describe('the licences of what is shipped', () => {
  it('are listed in the documentation, for the versions of the lock file', () => {
    assert.equal(read('docs/licences.md'), renderLicences(packages), 'Run: npm run generate');
  });

  it('all let it be used and passed on', () => {
    assert.deepEqual(
      packages.filter(({ license }) => !ALLOWED.has(license)),
      [],
    );
  });

  it('are those that the packages themselves state', () => {
    for (const { name, version, license } of packages) {
      const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
      // A second version of a package lies deeper; optional ones may not be installed here.
      if (!existsSync(manifest)) continue;
      const stated = JSON.parse(readFileSync(manifest, 'utf8')) as {
        readonly version: string;
        readonly license?: unknown;
      };
      if (stated.version === version) assert.equal(stated.license, license, name);
    }
  });

  it('cover every dependency of the manifest', () => {
    const { dependencies } = JSON.parse(read('package.json')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    const names = new Set(packages.map(({ name }) => name));
    assert.deepEqual(
      Object.keys(dependencies).filter((name) => !names.has(name)),
      [],
    );
  });
});
