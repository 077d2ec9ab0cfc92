import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { EmbeddingsUnavailable, type Embed } from '../../../src/cache/similar/embeddings-client.ts';
import { SimilarFinder } from '../../../src/cache/similar/similar-finder.ts';
import { SimilarIndex } from '../../../src/cache/similar/similar-index.ts';
import { VectorIndex } from '../../../src/cache/similar/vector-index.ts';

const never = new AbortController().signal;
const PROMPT = 'How do I reset a Gmail password?';
const PARAPHRASE = 'How can I reset the Gmail password?';

/** An embedding that finds all prompts alike: the worst there can be. */
const alike: Embed = async (texts) => texts.map(() => Float32Array.from([1, 1]));

function finder(embed: Embed): { finder: SimilarFinder; vectors: VectorIndex; failures: unknown[] } {
  const failures: unknown[] = [];
  const vectors = new VectorIndex({ maxEntries: 10, dimensions: 2 });
  const onFailure = (error: unknown): void => void failures.push(error);
  return { finder: new SimilarFinder(new SimilarIndex(), { embed, vectors, onFailure }), vectors, failures };
}

describe('SimilarFinder', () => {
  it('finds by text alone where no embeddings are configured', async () => {
    const plain = new SimilarFinder(new SimilarIndex());
    await plain.add('scope', '1', PROMPT, never);
    assert.equal((await plain.find('scope', `Hello! ${PROMPT}`, 0.9, never))?.id, '1');
    assert.equal(await plain.find('scope', PARAPHRASE, 0.9, never), undefined);
  });

  it('finds another phrasing by embedding, and asks no server where the text is enough', async () => {
    let asked = 0;
    const counting: Embed = async (texts, signal) => {
      asked++;
      return alike(texts, signal);
    };
    const { finder: similar } = finder(counting);
    await similar.add('scope', '1', PROMPT, never);
    assert.equal((await similar.find('scope', PARAPHRASE, 0.9, never))?.id, '1');
    assert.equal(asked, 2);
    await similar.find('scope', PROMPT, 0.9, never);
    await similar.find('empty scope', PARAPHRASE, 0.9, never);
    assert.equal(asked, 2);
  });

  it('holds the guards against an embedding that finds everything alike', async () => {
    const { finder: similar } = finder(alike);
    await similar.add('scope', '1', PROMPT, never);
    for (const other of [PROMPT.replace('reset', 'delete'), PROMPT.replace('Gmail', 'Yahoo'), 'Why is it late?']) {
      assert.equal(await similar.find('scope', other, 0.9, never), undefined);
    }
  });

  it('finds nothing, and fails nothing, while the embeddings server fails', async () => {
    const down: Embed = async () => Promise.reject(new EmbeddingsUnavailable('down'));
    const { finder: similar, vectors, failures } = finder(down);
    await similar.add('scope', '1', PROMPT, never);
    assert.equal(failures.length, 1);
    assert.equal(vectors.size, 0);
    assert.equal((await similar.find('scope', PROMPT, 0.9, never))?.id, '1');

    vectors.add('scope', '2', Float32Array.from([1, 1]));
    assert.equal(await similar.find('scope', PARAPHRASE, 0.9, never), undefined);
    assert.equal(failures.length, 2);
  });

  it('survives vectors of a length that was not configured', async () => {
    const { finder: similar, failures } = finder(async (texts) => texts.map(() => Float32Array.from([1, 1, 1])));
    await similar.add('scope', '1', PROMPT, never);
    assert.equal(failures.length, 1);
    assert.equal((await similar.find('scope', PROMPT, 0.9, never))?.id, '1');
  });

  it('keeps no vector of an answer that was evicted while it was fetched', async () => {
    const { promise, resolve } = Promise.withResolvers<Float32Array[]>();
    const { finder: similar, vectors } = finder(async () => promise);
    const added = similar.add('scope', '1', PROMPT, never);
    similar.remove('1');
    resolve([Float32Array.from([1, 1])]);
    await added;
    assert.equal(vectors.size, 0);
    assert.equal(await similar.find('scope', PROMPT, 0.9, never), undefined);
  });
});
