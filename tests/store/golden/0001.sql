BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE budgets (
	id TEXT NOT NULL, 
	project_id TEXT NOT NULL, 
	key_id TEXT, 
	window TEXT NOT NULL, 
	limit_nano BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	FOREIGN KEY(key_id) REFERENCES keys (id)
);
INSERT INTO "budgets" VALUES('bud_a','prj_a',NULL,'month',5000000000);
INSERT INTO "budgets" VALUES('bud_b','prj_b','key_b','day',1);
CREATE TABLE deployments (
	name TEXT NOT NULL, 
	model_sha256 TEXT NOT NULL, 
	settings BLOB NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (name), 
	FOREIGN KEY(model_sha256) REFERENCES model_files (sha256)
);
INSERT INTO "deployments" VALUES('old','cdcd',X'7B226D6F64656C223A226F6C642D6D6F64656C222C226D61785F696E5F666C69676874223A327D',1005);
CREATE TABLE engine_instances (
	deployment TEXT NOT NULL, 
	nonce TEXT NOT NULL, 
	address TEXT, 
	state TEXT NOT NULL, 
	message TEXT NOT NULL, 
	pid BIGINT, 
	supports_tools BOOLEAN NOT NULL, 
	updated_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (deployment)
);
INSERT INTO "engine_instances" VALUES('old','nonce','127.0.0.1:5000','ready','',4711,0,1006);
CREATE TABLE keys (
	id TEXT NOT NULL, 
	project_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	prefix TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	rights TEXT NOT NULL, 
	allowed_models TEXT, 
	requests_per_minute BIGINT, 
	tokens_per_minute BIGINT, 
	expires_at_ms BIGINT, 
	revoked_at_ms BIGINT, 
	created_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	UNIQUE (prefix)
);
INSERT INTO "keys" VALUES('key_a','prj_a','first','tmt_aaaaaaaa',X'ABCD','["infer","read","operate"]',NULL,NULL,NULL,NULL,NULL,1002);
INSERT INTO "keys" VALUES('key_b','prj_b','gone','tmt_bbbbbbbb',X'ABCE','["infer"]','["a"]',5,6,7000,8000,1003);
CREATE TABLE model_files (
	sha256 TEXT NOT NULL, 
	name TEXT NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	architecture TEXT NOT NULL, 
	parameters BIGINT, 
	quantisation TEXT, 
	context_tokens BIGINT, 
	has_chat_template BOOLEAN NOT NULL, 
	added_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (sha256), 
	UNIQUE (name)
);
INSERT INTO "model_files" VALUES('cdcd','old-model',12345,'llama',1000,'Q8_0',2048,1,1004);
CREATE TABLE projects (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	requests_per_minute BIGINT NOT NULL, 
	tokens_per_minute BIGINT NOT NULL, 
	allowed_models TEXT, 
	closed_reason TEXT, 
	created_at_ms BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "projects" VALUES('prj_a','default',1000,400000,NULL,NULL,1000);
INSERT INTO "projects" VALUES('prj_b','closed-one',1,1,'["a","b"]','spent',1001);
CREATE TABLE revision (
	id INTEGER NOT NULL CONSTRAINT one_row CHECK (id = 1), 
	value BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "revision" VALUES(1,41);
CREATE TABLE usage (
	request_id TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	project_id TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	model TEXT NOT NULL, 
	deployment TEXT NOT NULL, 
	started_at_ms BIGINT NOT NULL, 
	settled_at_ms BIGINT NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	completion_tokens BIGINT NOT NULL, 
	cached_tokens BIGINT NOT NULL, 
	cost_nano BIGINT NOT NULL, 
	estimated BOOLEAN NOT NULL, 
	status TEXT NOT NULL, 
	PRIMARY KEY (request_id, attempt)
);
INSERT INTO "usage" VALUES('req-1',1,'prj_a','key_a','old','old',2001,3001,1,2,0,1500,1,'ok');
INSERT INTO "usage" VALUES('req-2',1,'prj_a','key_a','old','old',2002,3002,2,4,0,3000,0,'ok');
INSERT INTO "usage" VALUES('req-3',1,'prj_a','key_a','old','old',2003,3003,3,6,0,4500,1,'ok');
INSERT INTO "usage" VALUES('req-4',1,'prj_a','key_a','old','old',2004,3004,4,8,0,6000,0,'ok');
INSERT INTO "usage" VALUES('req-5',1,'prj_a','key_a','old','old',2005,3005,5,10,0,7500,1,'ok');
INSERT INTO "usage" VALUES('req-6',1,'prj_a','key_a','old','old',2006,3006,6,12,0,9000,0,'ok');
INSERT INTO "usage" VALUES('req-7',1,'prj_a','key_a','old','old',2007,3007,7,14,0,10500,1,'ok');
INSERT INTO "usage" VALUES('req-8',1,'prj_a','key_a','old','old',2008,3008,8,16,0,12000,0,'ok');
INSERT INTO "usage" VALUES('req-9',1,'prj_a','key_a','old','old',2009,3009,9,18,0,13500,1,'ok');
INSERT INTO "usage" VALUES('req-10',1,'prj_a','key_a','old','old',2010,3010,10,20,0,15000,0,'ok');
INSERT INTO "usage" VALUES('req-11',1,'prj_a','key_a','old','old',2011,3011,11,22,0,16500,1,'ok');
INSERT INTO "usage" VALUES('req-12',1,'prj_a','key_a','old','old',2012,3012,12,24,0,18000,0,'ok');
INSERT INTO "usage" VALUES('req-13',1,'prj_a','key_a','old','old',2013,3013,13,26,0,19500,1,'ok');
INSERT INTO "usage" VALUES('req-14',1,'prj_a','key_a','old','old',2014,3014,14,28,0,21000,0,'ok');
INSERT INTO "usage" VALUES('req-15',1,'prj_a','key_a','old','old',2015,3015,15,30,0,22500,1,'ok');
INSERT INTO "usage" VALUES('req-16',1,'prj_a','key_a','old','old',2016,3016,16,32,0,24000,0,'ok');
INSERT INTO "usage" VALUES('req-17',1,'prj_a','key_a','old','old',2017,3017,17,34,0,25500,1,'ok');
INSERT INTO "usage" VALUES('req-18',1,'prj_a','key_a','old','old',2018,3018,18,36,0,27000,0,'ok');
INSERT INTO "usage" VALUES('req-19',1,'prj_a','key_a','old','old',2019,3019,19,38,0,28500,1,'ok');
INSERT INTO "usage" VALUES('req-20',1,'prj_a','key_a','old','old',2020,3020,20,40,0,30000,0,'ok');
INSERT INTO "usage" VALUES('req-21',1,'prj_a','key_a','old','old',2021,3021,21,42,0,31500,1,'ok');
INSERT INTO "usage" VALUES('req-22',1,'prj_a','key_a','old','old',2022,3022,22,44,0,33000,0,'ok');
INSERT INTO "usage" VALUES('req-23',1,'prj_a','key_a','old','old',2023,3023,23,46,0,34500,1,'ok');
INSERT INTO "usage" VALUES('req-24',1,'prj_a','key_a','old','old',2024,3024,24,48,0,36000,0,'ok');
INSERT INTO "usage" VALUES('req-25',1,'prj_a','key_a','old','old',2025,3025,25,50,0,37500,1,'ok');
INSERT INTO "usage" VALUES('req-26',1,'prj_a','key_a','old','old',2026,3026,26,52,0,39000,0,'ok');
INSERT INTO "usage" VALUES('req-27',1,'prj_a','key_a','old','old',2027,3027,27,54,0,40500,1,'ok');
INSERT INTO "usage" VALUES('req-28',1,'prj_a','key_a','old','old',2028,3028,28,56,0,42000,0,'ok');
INSERT INTO "usage" VALUES('req-29',1,'prj_a','key_a','old','old',2029,3029,29,58,0,43500,1,'ok');
INSERT INTO "usage" VALUES('req-30',1,'prj_a','key_a','old','old',2030,3030,30,60,0,45000,0,'ok');
INSERT INTO "usage" VALUES('req-31',1,'prj_a','key_a','old','old',2031,3031,31,62,0,46500,1,'ok');
INSERT INTO "usage" VALUES('req-32',1,'prj_a','key_a','old','old',2032,3032,32,64,0,48000,0,'ok');
INSERT INTO "usage" VALUES('req-33',1,'prj_a','key_a','old','old',2033,3033,33,66,0,49500,1,'ok');
INSERT INTO "usage" VALUES('req-34',1,'prj_a','key_a','old','old',2034,3034,34,68,0,51000,0,'ok');
INSERT INTO "usage" VALUES('req-35',1,'prj_a','key_a','old','old',2035,3035,35,70,0,52500,1,'ok');
INSERT INTO "usage" VALUES('req-36',1,'prj_a','key_a','old','old',2036,3036,36,72,0,54000,0,'ok');
INSERT INTO "usage" VALUES('req-37',1,'prj_a','key_a','old','old',2037,3037,37,74,0,55500,1,'ok');
INSERT INTO "usage" VALUES('req-38',1,'prj_a','key_a','old','old',2038,3038,38,76,0,57000,0,'ok');
INSERT INTO "usage" VALUES('req-39',1,'prj_a','key_a','old','old',2039,3039,39,78,0,58500,1,'ok');
INSERT INTO "usage" VALUES('req-40',1,'prj_a','key_a','old','old',2040,3040,40,80,0,60000,0,'ok');
INSERT INTO "usage" VALUES('req-41',1,'prj_a','key_a','old','old',2041,3041,41,82,0,61500,1,'ok');
INSERT INTO "usage" VALUES('req-42',1,'prj_a','key_a','old','old',2042,3042,42,84,0,63000,0,'ok');
INSERT INTO "usage" VALUES('req-43',1,'prj_a','key_a','old','old',2043,3043,43,86,0,64500,1,'ok');
INSERT INTO "usage" VALUES('req-44',1,'prj_a','key_a','old','old',2044,3044,44,88,0,66000,0,'ok');
INSERT INTO "usage" VALUES('req-45',1,'prj_a','key_a','old','old',2045,3045,45,90,0,67500,1,'ok');
INSERT INTO "usage" VALUES('req-46',1,'prj_a','key_a','old','old',2046,3046,46,92,0,69000,0,'ok');
INSERT INTO "usage" VALUES('req-47',1,'prj_a','key_a','old','old',2047,3047,47,94,0,70500,1,'ok');
INSERT INTO "usage" VALUES('req-48',1,'prj_a','key_a','old','old',2048,3048,48,96,0,72000,0,'ok');
INSERT INTO "usage" VALUES('req-49',1,'prj_a','key_a','old','old',2049,3049,49,98,0,73500,1,'ok');
INSERT INTO "usage" VALUES('req-50',1,'prj_a','key_a','old','old',2050,3050,50,100,0,75000,0,'ok');
CREATE UNIQUE INDEX keys_live_name ON keys (project_id, name) WHERE revoked_at_ms IS NULL;
CREATE UNIQUE INDEX budgets_of_project ON budgets (project_id, window) WHERE key_id IS NULL;
CREATE UNIQUE INDEX budgets_of_key ON budgets (key_id, window) WHERE key_id IS NOT NULL;
CREATE INDEX usage_spend ON usage (project_id, key_id, started_at_ms, cost_nano);
CREATE INDEX usage_started ON usage (started_at_ms);
COMMIT;
