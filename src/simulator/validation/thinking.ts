/** Thinking that comes back must be what was issued: reference 8.2. */
import { invalidRequest } from '../api-error.ts';
import type { RequestMessage } from '../request.ts';
import type { ThinkingSigner } from '../signature.ts';

/** Throws ApiError when a thinking block was altered, or was issued to another organization. */
export function checkThinkingBlocks(
  messages: readonly RequestMessage[],
  organization: string,
  signer: ThinkingSigner,
): void {
  messages.forEach((message, index) => {
    if (message.role !== 'assistant' || typeof message.content === 'string') return;
    message.content?.forEach((block, position) => {
      const path = `messages.${index}.content.${position}`;
      if (block.type === 'redacted_thinking' && !signer.issuedRedacted(organization, block.data ?? '')) {
        throw invalidRequest(`${path}: Invalid \`data\` in \`redacted_thinking\` block`);
      }
      if (block.type !== 'thinking') return;
      const verdict = signer.verify(organization, block.signature ?? '', block.thinking ?? '');
      if (verdict === 'foreign') throw invalidRequest(`${path}: Invalid \`signature\` in \`thinking\` block`);
      if (verdict === 'altered') {
        throw invalidRequest(
          `${path}: \`thinking\` or \`redacted_thinking\` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response.`,
        );
      }
    });
  });
}
