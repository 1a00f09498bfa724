import { Gate, PricingTable, UsageBar, useEntitlements, useKana } from '@open-kana/react';
import { useState } from 'react';

/** Asks our server, which checks and records, and then reads what is left. */
function useServer() {
  const { refresh } = useKana();
  const [problem, setProblem] = useState<string | null>(null);
  const ask = async (path: string) => {
    try {
      const response = await fetch(path, { method: 'POST' });
      setProblem(response.ok ? null : (await response.json()).problem);
    } catch {
      setProblem('The server does not answer.');
    }
    await refresh();
  };
  return { ask, problem };
}

/** The plans of this app. Its environment may have others, such as the demo packages of the first start. */
const plans = ['postcards-free', 'postcards-pro'];

export function App() {
  const { ask, problem } = useServer();
  return (
    <main>
      <h1>Postcards</h1>

      <section aria-labelledby="send">
        <h2 id="send">Send</h2>
        <UsageBar feature="postcards" fallback={<p>…</p>} />
        <Gate
          feature="postcards"
          fallback={<p>You have no postcards left. Choose a larger plan.</p>}
          loading={<p>…</p>}
        >
          <button type="button" onClick={() => ask('/api/send')}>
            Send a postcard
          </button>
        </Gate>
        <Gate feature="stamps" fallback={<p>Golden stamps come with Pro.</p>}>
          <p>Your postcards have golden stamps.</p>
        </Gate>
        {problem !== null && <p role="alert">{problem}</p>}
      </section>

      <section aria-labelledby="plans">
        <h2 id="plans">Plans</h2>
        <PricingTable
          packageIds={plans}
          onChoose={({ id }) => ask(`/api/choose/${id}`)}
          fallback={<p>…</p>}
        />
      </section>

      <section aria-labelledby="all">
        <h2 id="all">What you have</h2>
        <Everything />
      </section>
    </main>
  );
}

/** Hooks give the facts, for everything that the components do not draw. */
function Everything() {
  return (
    <ul>
      {useEntitlements().map(({ featureId, entitlement, remaining }) => (
        <li key={featureId}>
          {entitlement?.feature.name}: {entitlement?.consumption ? (remaining ?? 'unlimited') : 'yes'}
        </li>
      ))}
    </ul>
  );
}
