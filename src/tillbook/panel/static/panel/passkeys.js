// A form marked data-passkey is sent once the browser's passkey has answered the page's challenge.
"use strict";

const CEREMONIES = {
  create: (options) =>
    navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
  get: (options) =>
    navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const { publicKey } = JSON.parse(document.getElementById("passkey-options").textContent);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const failed = form.querySelector("[data-passkey-failed]");
    failed.hidden = true;
    try {
      const credential = await CEREMONIES[form.dataset.passkey](publicKey);
      form.elements.credential.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch {
      failed.hidden = false; // cancelled, timed out, or no passkey of this shop is there
    }
  });
}
