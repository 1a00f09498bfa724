import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useLocation, useNavigate } from 'react-router';
import { sessionsKey } from '../api/hooks.ts';
import { type Session, signIn } from '../api/request.ts';

/** After signing in: stays on the requested page, if it is of an environment that is open now. */
export function useArrive() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  return async (sessions: readonly Session[]) => {
    await client.invalidateQueries({ queryKey: sessionsKey });
    const [first] = sessions;
    const isOpen = sessions.some(({ environment }) => `${pathname}/`.startsWith(`/${environment}/`));
    if (!isOpen && first !== undefined) navigate(`/${first.environment}`);
  };
}

export function useSignIn() {
  const arrive = useArrive();
  return useMutation({ mutationFn: signIn, onSuccess: arrive });
}
