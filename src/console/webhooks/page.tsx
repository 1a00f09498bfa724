import { ConfigurationHead } from '../catalogue/head.tsx';
import { Needs } from '../parts/permission.tsx';
import { Webhooks } from './webhooks.tsx';

export function Page() {
  return (
    <Needs value="admin">
      <ConfigurationHead title="Configuration" />
      <Webhooks />
    </Needs>
  );
}
