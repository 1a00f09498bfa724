import { type Environment, environments } from '../api/request.ts';

const place = 'open-kana-environment';

/** Where somebody was last, to begin there the next time. */
export function lastEnvironment(): Environment {
  return environments.find((each) => each === localStorage.getItem(place)) ?? 'test';
}

export function rememberEnvironment(environment: Environment): void {
  localStorage.setItem(place, environment);
}
