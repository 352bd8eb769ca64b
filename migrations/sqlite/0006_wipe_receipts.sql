-- +goose Up

-- What a device has signed about an order: what it will remove, and what it
-- removed. The bytes are kept as they came and never change.
CREATE TABLE wipe_proofs (
    order_id  TEXT NOT NULL REFERENCES wipe_orders (id),
    kind      TEXT NOT NULL CHECK (kind IN ('commitment', 'receipt')),
    content   BLOB NOT NULL CHECK (length(content) BETWEEN 1 AND 393216),
    signature BLOB NOT NULL CHECK (length(signature) BETWEEN 1 AND 1024),
    -- The device's certificates, DER, one after the other; NULL where the
    -- one-time key of the commitment has signed.
    chain     BLOB CHECK (length(chain) > 0),

    PRIMARY KEY (order_id, kind),
    CHECK (kind <> 'commitment' OR chain IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- How often the device refused what it was given as the order, and why last.
ALTER TABLE wipe_orders ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0 CHECK (refusals BETWEEN 0 AND 10);
ALTER TABLE wipe_orders ADD COLUMN refusal TEXT NOT NULL DEFAULT '' CHECK ((refusals = 0) = (refusal = ''));

-- The commitment, in the device's words. It comes with the promise, and for a
-- work profile only.
ALTER TABLE wipe_orders ADD COLUMN commitment_at INTEGER
    CHECK (commitment_at IS NULL OR (acknowledged_at IS NOT NULL AND scope = 'work-profile'));
ALTER TABLE wipe_orders ADD COLUMN commitment_packages TEXT
    CHECK ((commitment_at IS NULL) = (commitment_packages IS NULL));
ALTER TABLE wipe_orders ADD COLUMN commitment_files INTEGER
    CHECK (commitment_files >= 0 AND (commitment_at IS NULL) = (commitment_files IS NULL));
ALTER TABLE wipe_orders ADD COLUMN commitment_bytes INTEGER
    CHECK (commitment_bytes >= 0 AND (commitment_at IS NULL) = (commitment_bytes IS NULL));
ALTER TABLE wipe_orders ADD COLUMN commitment_keys INTEGER
    CHECK (commitment_keys >= 0 AND (commitment_at IS NULL) = (commitment_keys IS NULL));
ALTER TABLE wipe_orders ADD COLUMN commitment_certificates INTEGER
    CHECK (commitment_certificates >= 0 AND (commitment_at IS NULL) = (commitment_certificates IS NULL));
-- The public half of the one-time key that signs the receipt, DER.
ALTER TABLE wipe_orders ADD COLUMN commitment_key BLOB
    CHECK (length(commitment_key) BETWEEN 1 AND 200 AND (commitment_at IS NULL) = (commitment_key IS NULL));
-- SHA-256 of what was signed, which the receipt names.
ALTER TABLE wipe_orders ADD COLUMN commitment_digest BLOB
    CHECK (length(commitment_digest) = 32 AND (commitment_at IS NULL) = (commitment_digest IS NULL));

-- Done needs the signed receipt, and a promise for a work profile the signed
-- commitment, both of which are saved first; the commitment never changes.
-- +goose StatementBegin
CREATE TRIGGER wipe_orders_proved BEFORE UPDATE ON wipe_orders
WHEN (NEW.state = 'done' AND OLD.state <> 'done'
      AND NOT EXISTS (SELECT 1 FROM wipe_proofs WHERE order_id = NEW.id AND kind = 'receipt'))
  OR (NEW.state IN ('acknowledged', 'done') AND OLD.state <> NEW.state AND NEW.scope = 'work-profile'
      AND (NEW.commitment_at IS NULL
        OR NOT EXISTS (SELECT 1 FROM wipe_proofs WHERE order_id = NEW.id AND kind = 'commitment')))
  OR (OLD.commitment_at IS NOT NULL AND (OLD.commitment_at IS NOT NEW.commitment_at
      OR OLD.commitment_packages IS NOT NEW.commitment_packages OR OLD.commitment_files IS NOT NEW.commitment_files
      OR OLD.commitment_bytes IS NOT NEW.commitment_bytes OR OLD.commitment_keys IS NOT NEW.commitment_keys
      OR OLD.commitment_certificates IS NOT NEW.commitment_certificates
      OR OLD.commitment_key IS NOT NEW.commitment_key OR OLD.commitment_digest IS NOT NEW.commitment_digest))
BEGIN
    SELECT RAISE(ABORT, 'a wipe order needs what the device signed');
END;
-- +goose StatementEnd

-- An order begins without the device's word.
-- +goose StatementBegin
CREATE TRIGGER wipe_orders_begin BEFORE INSERT ON wipe_orders
WHEN NEW.state <> 'pending' OR NEW.commitment_at IS NOT NULL OR NEW.refusals <> 0
BEGIN
    SELECT RAISE(ABORT, 'a wipe order begins pending');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_proofs_fixed BEFORE UPDATE ON wipe_proofs
BEGIN
    SELECT RAISE(ABORT, 'what a device signed is fixed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER wipe_proofs_kept BEFORE DELETE ON wipe_proofs
BEGIN
    SELECT RAISE(ABORT, 'what a device signed is kept');
END;
-- +goose StatementEnd
