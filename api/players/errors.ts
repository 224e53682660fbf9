// What signing in, and leaving, is refused for.
export const playerSentences = {
  Unauthenticated:
    'This needs an access token, as Authorization: Bearer. Yours is missing, expired or not one of ours. Sign in again, ' +
    'or exchange your refresh token at /v1/sign-in/refresh.',
  SignedOut: 'This sign-in was ended, here or from another device. Sign in again.',
  ScopeMissing: 'This service token may not do that. Ask for one with the scope that the route names.',
  PlayerUnnamed: 'A service says for which player it acts. Send the header Wasd-Player with the player’s id.',
  PlayerUnknown: 'There is no such player. Check the id in the header Wasd-Player.',
  SignInNotOffered: 'This installation offers no sign-in over the web. Open the Mini App from the bot instead.',
  SignInUnknown: 'This sign-in was not begun here, was finished, or is older than ten minutes. Begin a new one.',
  SignInRefused: 'Telegram does not vouch for this sign-in. Begin a new one.',
  SignInUnavailable: 'Telegram cannot be asked at the moment. Nothing was lost. Try again in a minute.',
  MiniAppDataInvalid: 'The Mini App’s data is not signed by Telegram for this bot. Open the Mini App anew.',
  MiniAppDataExpired: 'The Mini App’s data is older than ten minutes. Open the Mini App anew.',
  MiniAppDataSpent: 'The Mini App’s data was exchanged before. Use the tokens from then, or open the Mini App anew.',
  RefreshTokenInvalid: 'This refresh token is none of ours, or its sign-in is over. Sign in again.',
  RefreshTokenReused:
    'This refresh token was exchanged before. Somebody else may hold it, so this sign-in is ended. Sign in again.',
  SessionLives: 'A session of yours is not over yet. End it, wait for its receipt, then delete the account.',
  MoneyLeft:
    'There is still money in the wallet, or on its way back to you. Ask for it back first, and wait until it is paid out; ' +
    'or send forfeitMoney=true, and give it up for good.',
} as const

export type PlayerErrorCode = keyof typeof playerSentences

export class PlayerError extends Error {
  override readonly name = 'PlayerError'
  readonly code: PlayerErrorCode

  constructor(code: PlayerErrorCode, options: { cause?: unknown } = {}) {
    super(playerSentences[code], options)
    this.code = code
  }
}
