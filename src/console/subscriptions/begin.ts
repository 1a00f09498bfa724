import { useRef } from 'react';
import { useSteps } from '../api/hooks.ts';
import { RecordUsagesDocument, SubscribeDocument } from '../generated/operations.ts';
import { openingUsage, type Start, startInput } from './start.ts';

/** Subscribes a user, and records what was used elsewhere. After a failure it goes on where it stopped. */
export function useBegin() {
  const begun = useRef<string | null>(null);
  return useSteps(
    async (run, { userId, packageId, start }: { userId: string; packageId: string; start: Start }) => {
      if (begun.current === null) {
        const variables = { userId, packageIds: [packageId], ...startInput(start) };
        const { subscribe } = await run(SubscribeDocument, variables);
        begun.current = subscribe[0]?.id ?? '';
      }
      const input = openingUsage(start, userId, begun.current, new Date());
      if (input.length === 0) return;
      const { recordUsages } = await run(RecordUsagesDocument, { input });
      const problem = recordUsages.find(({ error }) => error !== null)?.error;
      if (problem)
        throw new Error(`The user is subscribed, but this usage was not recorded: ${problem.message}`);
    },
  );
}
