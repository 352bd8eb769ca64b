-- +goose Up

-- A recall is a revoked certificate that its device is told to give up. Recalls
-- are numbered in the order in which they become visible; the end of an epoch
-- takes the number away. The group is the device's while the epoch lasts.
ALTER TABLE compliance_generation ADD COLUMN recalls INTEGER NOT NULL DEFAULT 0 CHECK (recalls >= 0);
ALTER TABLE compliance_certificates ADD COLUMN device_group TEXT CHECK (device_group <> '');
ALTER TABLE compliance_certificates ADD COLUMN recall INTEGER
    CHECK (recall > 0 AND (recall IS NULL OR revoked_at IS NOT NULL));

-- When certificates end that the manifest does not ask for, if the device has
-- not applied it by then.
ALTER TABLE compliance_reports ADD COLUMN device_group TEXT CHECK (device_group <> '');
ALTER TABLE compliance_reports ADD COLUMN retire_at INTEGER;

-- What is known from before. Until now only administrators revoked without a
-- reason code; devices did not learn of it.
UPDATE compliance_certificates SET device_group = d.group_name
FROM enroll_devices AS d
WHERE d.id = compliance_certificates.device_id AND d.epoch = compliance_certificates.epoch AND d.state = 'enrolled';
UPDATE compliance_reports SET device_group = d.group_name
FROM enroll_devices AS d
WHERE d.id = compliance_reports.device_id AND d.epoch = compliance_reports.epoch AND d.state = 'enrolled';
UPDATE compliance_certificates SET recall = n.number
FROM (
    SELECT c.serial, ROW_NUMBER() OVER (ORDER BY c.sequence) AS number FROM compliance_certificates AS c
    WHERE c.revocation_code = 0 AND NOT EXISTS (
        SELECT 1 FROM compliance_ended_epochs AS e WHERE e.device_id = c.device_id AND e.epoch >= c.epoch
    )
) AS n
WHERE n.serial = compliance_certificates.serial;
UPDATE compliance_generation SET recalls = (SELECT COUNT(*) FROM compliance_certificates WHERE recall IS NOT NULL);

CREATE UNIQUE INDEX compliance_certificates_recall ON compliance_certificates (recall) WHERE recall IS NOT NULL;
CREATE INDEX compliance_certificates_group ON compliance_certificates (device_group, sequence) WHERE device_group IS NOT NULL;
