import { Needs } from '../parts/permission.tsx';
import { ConfigurationHead } from './head.tsx';
import { Keys } from './keys.tsx';

export function Page() {
  return (
    <Needs value="admin">
      <ConfigurationHead title="Configuration" />
      <Keys />
    </Needs>
  );
}
