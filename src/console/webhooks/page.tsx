import { ConfigurationHead } from '../catalogue/head.tsx';
import { Webhooks } from './webhooks.tsx';

export function Page() {
  return (
    <>
      <ConfigurationHead title="Configuration" />
      <Webhooks />
    </>
  );
}
