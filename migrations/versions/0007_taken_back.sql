-- The graphs of app/domain/lifecycle.py as they are at this migration.
CREATE OR REPLACE FUNCTION lifecycle_allows(kind text, was text, becomes text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT (kind, was, becomes) IN (
        ('run', 'queued', 'running'), ('run', 'queued', 'cancelled'),
        ('run', 'running', 'succeeded'), ('run', 'running', 'failed'), ('run', 'running', 'cancelled'),
        ('run', 'failed', 'running'), ('run', 'cancelled', 'running'),

        ('job', 'waiting', 'queued'), ('job', 'waiting', 'blocked'), ('job', 'waiting', 'cancelled'),
        ('job', 'queued', 'running'), ('job', 'queued', 'cancelled'),
        ('job', 'running', 'succeeded'), ('job', 'running', 'failed'), ('job', 'running', 'cancelled'),
        ('job', 'failed', 'queued'), ('job', 'failed', 'waiting'),
        ('job', 'blocked', 'queued'), ('job', 'blocked', 'waiting'),
        ('job', 'cancelled', 'queued'), ('job', 'cancelled', 'waiting'),

        ('record', 'pending', 'sent'), ('record', 'pending', 'error'), ('record', 'pending', 'skipped'),
        ('record', 'sent', 'pending'), ('record', 'sent', 'succeeded'), ('record', 'sent', 'warning'),
        ('record', 'sent', 'error'),
        ('record', 'error', 'pending'), ('record', 'skipped', 'pending'),

        ('batch', 'written', 'called'), ('batch', 'called', 'written'),
        ('batch', 'called', 'accepted'), ('batch', 'called', 'refused'), ('batch', 'called', 'lost'),
        ('batch', 'accepted', 'answered'), ('batch', 'accepted', 'lost')
    )
$$;
