import { KanaProvider } from '@open-kana/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import './style.css';

/** Our server makes a token for the user who is signed in. */
async function userToken(): Promise<string> {
  const response = await fetch('/api/token', { method: 'POST' });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return (await response.json()).token;
}

const root = document.getElementById('app');
if (root === null) throw new Error('there is no element "app"');

createRoot(root).render(
  <StrictMode>
    <KanaProvider userToken={userToken}>
      <App />
    </KanaProvider>
  </StrictMode>,
);
