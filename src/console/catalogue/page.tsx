import { ConfigurationHead } from './head.tsx';
import { Keys } from './keys.tsx';

export function Page() {
  return (
    <>
      <ConfigurationHead title="Configuration" />
      <Keys />
    </>
  );
}
